#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/file.h"
#include "base/text.h"
#include "executor/cli/commands.h"
#include "executor/cli/context.h"
#include "executor/local/local_run.h"
#include "pipeline/command/shell_words.h"
#include "pipeline/dockerfile/debug.h"
#include "pipeline/dockerfile/parse.h"
#include "scan/advisory/version.h"

namespace scangate::cli {
namespace {

constexpr std::size_t kMaxInputBytes = 64U << 20U;

Result<std::string> input(const std::string& file) {
  return file.empty() || file == "-" ? read_fd(0, kMaxInputBytes, "standard input") : read_file(file, kMaxInputBytes);
}

Result<ExitCode> dockerfile(Context& context, const std::string& file) {
  SCANGATE_TRY(const auto text, input(file));
  SCANGATE_TRY(const auto parsed, dockerfile::parse_dockerfile(text, file));
  SCANGATE_TRY(const auto json, dockerfile::dockerfile_json(parsed, {}));
  SCANGATE_CHECK(context.print(json + "\n"));
  return ExitCode::done;
}

Result<ExitCode> dockerignore(Context& context, const std::string& file, const std::vector<std::string>& paths) {
  SCANGATE_TRY(const auto text, input(file));
  SCANGATE_TRY(const auto json, dockerfile::dockerignore_json(text, file, paths));
  SCANGATE_CHECK(context.print(json + "\n"));
  return ExitCode::done;
}

// SCHEME<TAB>A<TAB>B lines to -1, 0, 1, or ? each.
Result<ExitCode> version_compare(Context& context) {
  SCANGATE_TRY(const auto text, input("-"));
  std::string out;
  for (const auto& line : split(text, '\n')) {
    if (line.empty()) continue;
    const auto fields = split(line, '\t');
    std::optional<int> order;
    if (fields.size() == 3)
      if (const auto scheme = parse_version_scheme(fields[0])) order = compare_versions(*scheme, fields[1], fields[2]);
    out += order ? fmt::format("{}\n", *order < 0 ? -1 : *order > 0 ? 1 : 0) : "?\n";
  }
  SCANGATE_CHECK(context.print(out));
  return ExitCode::done;
}

Result<ExitCode> ci(Context& context, const std::string& file) {
  const std::filesystem::path path(file);
  const auto folder = path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path();
  context.use_git();
  SCANGATE_TRY(auto facts, local_context(folder, {}));
  SCANGATE_TRY(auto files, ci::files_of_directory(folder));
  SCANGATE_TRY(const auto pipeline, ci::read_pipeline(*files, path.filename().string(), facts));
  SCANGATE_CHECK(context.print(ci::debug_json(pipeline) + "\n"));
  return ExitCode::done;
}

}  // namespace

void add_debug(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("debug", "The parsers' views as JSON, for support and tests");
  command->require_subcommand(1);
  struct Words {
    std::string file;
    std::vector<std::string> paths;
  };
  auto words = std::make_shared<Words>();
  const auto add = [&](const char* name, const char* what, bool with_file, std::function<Result<ExitCode>()> body) {
    auto* sub = command->add_subcommand(name, what);
    if (with_file) sub->add_option("file", words->file, "- reads standard input")->required()->type_name("FILE");
    sub->callback([&context, body = std::move(body)] { context.guard(body); });
    return sub;
  };
  add("dockerfile", "A Dockerfile's stages and instructions", true,
      [&context, words] { return dockerfile(context, words->file); });
  add("dockerignore", "Which paths a .dockerignore leaves out", true,
      [&context, words] { return dockerignore(context, words->file, words->paths); })
      ->add_option("path", words->paths)
      ->type_name("PATH");
  add("expand", "Dockerfile variable expansion of the lines of standard input", false,
      [&context]() -> Result<ExitCode> {
        SCANGATE_TRY(const auto text, input("-"));
        SCANGATE_CHECK(context.print(dockerfile::expand_json(text, '\\')));
        return ExitCode::done;
      });
  add("shell-words", "Commands and words of a script on standard input", false, [&context]() -> Result<ExitCode> {
    SCANGATE_TRY(const auto text, input("-"));
    SCANGATE_TRY(const auto script, command::parse_shell(text));
    SCANGATE_CHECK(context.print(command::debug_json(script) + "\n"));
    return ExitCode::done;
  });
  add("ci", "A .gitlab-ci.yml's resolved jobs", true, [&context, words] { return ci(context, words->file); });
  add("version-compare", "SCHEME<TAB>A<TAB>B lines to -1, 0, 1 or ?", false,
      [&context] { return version_compare(context); });
}

}  // namespace scangate::cli
