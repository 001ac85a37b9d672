#include "pipeline/dockerfile/parse.h"

#include "base/text.h"
#include "pipeline/dockerfile/instruction.h"
#include "pipeline/dockerfile/lines.h"

namespace scangate::dockerfile {

Result<Dockerfile> parse_dockerfile(std::string_view text, std::string_view name) {
  SCANGATE_TRY(auto lexed, lex_dockerfile(text, name));
  Dockerfile file;
  file.name = std::string(name);
  file.escape = lexed.escape;
  file.syntax = std::move(lexed.syntax);
  file.check = std::move(lexed.check);
  for (const LogicalLine& line : lexed.lines) {
    SCANGATE_TRY(auto instruction, parse_instruction(line, file.escape, name));
    if (line.empty_continuation)
      file.warnings.push_back(
          {instruction.place, "NoEmptyContinuation", "an empty line inside a continuation is ignored"});
    if (std::holds_alternative<MaintainerLine>(instruction.body))
      file.warnings.push_back({instruction.place, "MaintainerDeprecated",
                               "MAINTAINER is deprecated: use LABEL org.opencontainers.image.authors"});
    if (auto* from = std::get_if<FromLine>(&instruction.body)) {
      if (file.stages.size() == kMaxStages)
        return fail(Error(Fault::user, fmt::format("more than {} stages", kMaxStages))
                        .at(place_text(file.name, instruction.place)));
      Stage stage;
      stage.index = file.stages.size();
      stage.name = from->name;
      for (const Stage& earlier : file.stages) {
        if (!stage.name.empty() && earlier.name == stage.name)
          file.warnings.push_back(
              {instruction.place, "DuplicateStageName", fmt::format("the stage name '{}' is used twice", stage.name)});
      }
      stage.from = std::move(instruction);
      file.stages.push_back(std::move(stage));
      continue;
    }
    if (!file.stages.empty()) {
      file.stages.back().instructions.push_back(std::move(instruction));
      continue;
    }
    auto* args = std::get_if<ArgLine>(&instruction.body);
    if (args == nullptr)
      return fail(Error(Fault::user, fmt::format("{} stands before the first FROM", instruction.name))
                      .at(place_text(file.name, instruction.place))
                      .remedy("only ARG may; begin with FROM"));
    file.args.push_back(std::move(*args));
  }
  if (file.stages.empty())
    return fail(
        Error(Fault::user, "there is no FROM").at(place_text(file.name, {1, 1})).remedy("begin with FROM IMAGE"));
  file.text = std::string(text);
  return file;
}

}  // namespace scangate::dockerfile
