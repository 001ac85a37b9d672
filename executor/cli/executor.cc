#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "executor/cli/commands.h"
#include "executor/cli/context.h"
#include "executor/runner/stages.h"

namespace scangate::cli {
namespace {

OpenEngine opener(Context& context, Context::Mounts mounts) {
  return [&context, mounts](std::shared_ptr<Logins> logins, const std::string& names_of) {
    return context.open_engine(mounts, std::move(logins), names_of);
  };
}

// A call that fails before it knows the runner's codes leaves a number the runner takes for a system failure.
void run_call(Context& context, const std::function<Result<StageResult>(const RunnerCall&)>& body) {
  forbid_core_dumps();
  const auto call = read_runner_call(context.environment);
  if (!call) {
    context.report(call.error());
    context.raw_exit = exit_number(context.exit);
    return;
  }
  // The reader is the log of a job, whatever terminal the runner was started in.
  if (context.global.progress == "auto" && !context.global.quiet)
    context.console = std::make_unique<Console>(STDERR_FILENO, ConsoleMode::job);
  StageResult result;
  if (auto done = body(*call)) {
    result = *done;
  } else {
    context.report(done.error());
    result.code = context.exit;
  }
  context.console.reset();
  context.raw_exit = runner_exit(*call, result.code, result.script_code);
}

}  // namespace

void add_executor(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("executor", "The custom executor that GitLab Runner calls");
  command->require_subcommand(1);
  struct Words {
    std::string script, stage;
  };
  auto words = std::make_shared<Words>();

  auto* config = command->add_subcommand("config", "config_exec: prints the job's folders as JSON");
  config->callback([&context] {
    run_call(context, [&](const RunnerCall& call) -> Result<StageResult> {
      SCANGATE_TRY(const auto settings, context.settings());
      SCANGATE_TRY(const auto json, config_stage(call, settings));
      SCANGATE_CHECK(context.print(json + "\n"));
      return StageResult{};
    });
  });

  auto* prepare = command->add_subcommand("prepare", "prepare_exec: pulls the job's image");
  prepare->callback([&context] {
    run_call(context, [&](const RunnerCall& call) -> Result<StageResult> {
      SCANGATE_CHECK(prepare_stage(call, opener(context, Context::Mounts::yes), context.cancel, context.progress()));
      return StageResult{};
    });
  });

  auto* run = command->add_subcommand("run", "run_exec: runs one script of the job");
  run->add_option("script", words->script)->required()->type_name("SCRIPT");
  run->add_option("stage", words->stage)->required()->type_name("STAGE");
  run->callback([words, &context] {
    run_call(context, [&](const RunnerCall& call) {
      return run_stage(call, words->script, words->stage, opener(context, Context::Mounts::yes), context.cancel,
                       context.progress());
    });
  });

  auto* cleanup = command->add_subcommand("cleanup", "cleanup_exec: removes what the job left");
  cleanup->callback([&context] {
    run_call(context, [&](const RunnerCall& call) -> Result<StageResult> {
      SCANGATE_TRY(const auto settings, context.settings());
      SCANGATE_CHECK(cleanup_stage(call, settings));
      return StageResult{};
    });
  });
}

}  // namespace scangate::cli
