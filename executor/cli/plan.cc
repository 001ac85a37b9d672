#include "pipeline/plan/plan.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "executor/cli/commands.h"
#include "executor/cli/context.h"
#include "executor/local/local_run.h"

namespace scangate::cli {
namespace {

struct Options {
  std::string project = ".";
  std::string revision;
  std::string format = "text";
};

Result<ExitCode> show(Context& context, const Options& options) {
  context.use_git();
  SCANGATE_TRY(const auto facts, local_context(options.project, {}));
  SCANGATE_TRY(const auto pipeline, read_local_pipeline(options.project, options.revision, facts));
  const plan::Plan plan = plan::make_plan(pipeline);
  std::string text;
  if (options.format == "json")
    text = plan::plan_json(plan);
  else if (options.format == "mermaid")
    text = plan::plan_mermaid(plan);
  else
    text = plan::plan_text(
        plan, {.colors = isatty(STDOUT_FILENO) == 1 && !environment_value(context.environment, "NO_COLOR")});
  if (!text.ends_with('\n')) text += '\n';
  SCANGATE_CHECK(context.print(text));
  return ExitCode::done;
}

}  // namespace

void add_plan(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("plan", "Show a pipeline's jobs, their images, and where the scan is inserted");
  auto options = std::make_shared<Options>();
  command->add_option("-C,--directory", options->project, "Folder with .gitlab-ci.yml")->type_name("DIR");
  command->add_option("--rev", options->revision, "Read the configuration of a commit instead of the work tree")
      ->type_name("REV");
  command->add_option("--format", options->format)->check(CLI::IsMember({"text", "json", "mermaid"}));
  command->callback([options, &context] { context.guard([&] { return show(context, *options); }); });
}

}  // namespace scangate::cli
