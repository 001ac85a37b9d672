#include "base/json/json.h"
#include "pipeline/command/shell_words.h"

namespace scangate::command {
namespace {

using Json = nlohmann::ordered_json;

Json word_json(const Word& word) {
  Json parts = Json::array();
  for (const WordPart& part : word.parts) {
    Json one;
    switch (part.kind) {
      case WordPart::Kind::literal:
        one["literal"] = part.text;
        break;
      case WordPart::Kind::variable:
        one["variable"] = part.text;
        break;
      case WordPart::Kind::undecidable:
        one["undecidable"] = part.text;
        break;
    }
    if (part.quoted) one["quoted"] = true;
    if (part.otherwise) one["otherwise"] = *part.otherwise;
    parts.push_back(std::move(one));
  }
  return parts;
}

}  // namespace

std::string debug_json(const ShellScript& script) {
  Json out = Json::array();
  for (const SimpleCommand& command : script.commands) {
    Json one = {{"line", command.line}, {"column", command.column}, {"joiner", name_of(command.joiner)}};
    if (command.conditional) one["conditional"] = true;
    if (command.subshell) one["subshell"] = true;
    if (!command.function.empty()) one["function"] = command.function;
    for (const Assignment& assignment : command.assignments)
      one["assignments"].push_back(
          {{"name", assignment.name}, {"value", word_json(assignment.value)}, {"append", assignment.append}});
    one["words"] = Json::array();
    for (const Word& word : command.words)
      one["words"].push_back(word_json(word));
    for (const Redirection& redirection : command.redirections)
      one["redirections"].push_back({{"op", redirection.op}, {"target", word_json(redirection.target)}});
    out.push_back(std::move(one));
  }
  return dump_json(Json{{"commands", std::move(out)}}, 2);
}

}  // namespace scangate::command
