#include <CLI/CLI.hpp>

#include "executor/cli/commands.h"
#include "executor/cli/context.h"
#include "executor/local/local_run.h"

namespace scangate::cli {
namespace {

struct Options {
  std::string project = ".";
  std::string output;
  std::vector<std::string> jobs, variables;
};

Result<ExitCode> run(Context& context, const Options& options) {
  context.use_git();
  LocalRunRequest request{.project = options.project, .jobs = options.jobs};
  request.output =
      options.output.empty() ? request.project / "scangate-reports" : std::filesystem::path(options.output);
  for (const auto& word : options.variables) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    // Without a value it is ours: a password does not stand in the list of processes then.
    const auto value =
        equals == std::string::npos ? environment_value(context.environment, name) : word.substr(equals + 1);
    if (name.empty() || !value)
      return fail(Error(Fault::user, fmt::format("--var '{}' is not NAME=VALUE", word))
                      .remedy("NAME alone is for a variable of the environment"));
    request.variables[name] = *value;
  }
  forbid_core_dumps();
  auto logins = std::make_shared<Logins>();
  SCANGATE_TRY(auto user, context.user_credentials());
  // What the job logs in with comes first; the user's own logins serve the images of jobs.
  auto credentials = std::shared_ptr<CredentialSource>(chained_credentials({logins, std::move(user)}));
  SCANGATE_TRY(auto engine, context.open_engine(Context::Mounts::yes, std::move(credentials)));
  return run_pipeline(request, *engine, logins, context.cancel, context.progress());
}

}  // namespace

void add_run(CLI::App& app, Context& context) {
  auto* command =
      app.add_subcommand("run", "Run the pipeline of a folder here: same sandbox, same gate as under the runner");
  auto options = std::make_shared<Options>();
  command->add_option("-C,--directory", options->project, "Folder with .gitlab-ci.yml")->type_name("DIR");
  command->add_option("--job", options->jobs, "Only this job; may be given again")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command
      ->add_option("--var", options->variables,
                   "Variable of the pipeline, without a value from the environment; may be given again")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false);
  command->add_option("--output", options->output, "Folder for reports; <directory>/scangate-reports when left out")
      ->type_name("DIR");
  command->callback([options, &context] { context.guard([&] { return run(context, *options); }); });
}

}  // namespace scangate::cli
