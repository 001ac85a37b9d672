#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>

#include "base/file.h"
#include "base/text.h"
#include "executor/cli/commands.h"
#include "executor/cli/context.h"
#include "executor/host/completion.h"
#include "executor/host/config_file.h"
#include "executor/host/diagnosis.h"
#include "executor/host/runner_config.h"
#include "executor/host/toml.h"
#include "pipeline/sandbox/namespaces.h"

namespace scangate::cli {
namespace fs = std::filesystem;
namespace {

// A token is a line.
constexpr std::size_t kMaxTokenBytes = 4096;

struct RegisterOptions {
  std::string config_toml;
  RunnerChoice choice;
  bool dry_run = false;
};

Result<fs::path> runner_config_path(const Context& context, const std::string& asked) {
  if (!asked.empty()) return fs::absolute(asked);
  const auto path = default_runner_config(geteuid() == 0, environment_value(context.environment, "HOME"));
  if (!path)
    return fail(Error(Fault::user, "no config.toml: there is no home folder").remedy("add --config-toml FILE"));
  return *path;
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("scangate");
}

Result<std::string> config_text(const fs::path& path) {
  std::error_code ignored;
  // As gitlab-runner writes a file of its own: one job at a time until somebody says otherwise.
  if (!fs::exists(path, ignored)) return "concurrent = 1\ncheck_interval = 0\n";
  return read_file(path, toml::kMaxTomlBytes);
}

Result<ExitCode> do_register(Context& context, RegisterOptions options) {
  SCANGATE_TRY(const auto settings, context.settings());
  SCANGATE_TRY(const auto path, runner_config_path(context, options.config_toml));
  if (options.choice.token == "-") {
    SCANGATE_TRY(const std::string line, read_fd(STDIN_FILENO, kMaxTokenBytes, "standard input"));
    options.choice.token = trim(line);
    if (options.choice.token.empty()) return fail(Fault::user, "no token on standard input");
  }
  ExecutorEntry entry{.program = context.program.string(),
                      .builds_dir = (settings.store / "builds").string(),
                      .cache_dir = (settings.store / "cache").string()};
  // The runner's service does not have this shell's options.
  if (!context.global.config.empty()) entry.global_words = {"--config", fs::absolute(context.global.config).string()};
  SCANGATE_TRY(const std::string config, config_text(path));
  auto registered = register_runner(config, path.string(), entry, options.choice);
  if (!registered) return fail(std::move(registered).error());
  // A new runner gets a name; one that is found by its token keeps its own.
  if (registered->change == RegisterChange::added && options.choice.name.empty()) {
    options.choice.name = host_name();
    registered = register_runner(config, path.string(), entry, options.choice);
    if (!registered) return fail(std::move(registered).error());
  }
  if (options.dry_run) {
    SCANGATE_CHECK(context.print(registered->section));
    return ExitCode::done;
  }
  if (registered->change == RegisterChange::unchanged) {
    SCANGATE_CHECK(context.print(fmt::format("{}: runner '{}' calls scangate already, nothing changed\n", path.string(),
                                             printable(registered->name))));
    return ExitCode::done;
  }
  SCANGATE_TRY(const auto backup, replace_config_file(path, registered->text));
  SCANGATE_CHECK(context.print(fmt::format("{}: runner '{}' {}{}\n", path.string(), printable(registered->name),
                                           registered->change == RegisterChange::added ? "added" : "updated",
                                           backup.empty() ? "" : ", the former file is " + backup.string())));
  return ExitCode::done;
}

std::string used_config_file(const Context& context) {
  if (!context.global.config.empty()) return context.global.config;
  if (const auto file = environment_value(context.environment, "SCANGATE_CONFIG")) return *file;
  std::error_code ignored;
  return fs::exists("/etc/scangate/config.yaml", ignored) ? "/etc/scangate/config.yaml" : "";
}

struct DoctorOptions {
  std::string config_toml;
  std::string format = "text";
};

Result<ExitCode> doctor(Context& context, const DoctorOptions& options) {
  SCANGATE_TRY(const auto settings, context.settings());
  const auto runner_config = runner_config_path(context, options.config_toml);
  const FactsRequest request{.settings = settings,
                             .config_file = used_config_file(context),
                             .runner_config = runner_config ? *runner_config : fs::path(),
                             .program = context.program,
                             .environment = context.environment,
                             .clock = context.clock};
  HostFacts facts = read_host(request);
  const auto privilege = enter_host_namespaces();
  facts.namespaces =
      privilege ? Trial{true, std::string(privilege_name(*privilege))} : Trial{false, privilege.error().cause()};
  const auto transport = make_curl_transport(context.environment);
  try_host(facts, request, context.runner, *transport, context.cancel);
  const Diagnosis diagnosis = diagnose(facts);
  SCANGATE_CHECK(context.print(options.format == "json" ? diagnosis_json(diagnosis) : diagnosis_text(diagnosis)));
  if (diagnosis.policy_invalid) return ExitCode::invalid;
  return diagnosis.has_problem() ? ExitCode::environment : ExitCode::done;
}

// What CLI11 knows of an option, for the shells. Its description of a value is "TYPE:{a,b}".
CompletionOption option_of(const CLI::Option& option) {
  CompletionOption out;
  for (const auto& name : option.get_snames())
    out.flags.push_back("-" + name);
  for (const auto& name : option.get_lnames())
    out.flags.push_back("--" + name);
  const std::string help = option.get_description();
  out.help = help.substr(0, help.find('\n'));
  if (option.get_items_expected_max() == 0) return out;
  out.value = CompletionOption::Value::word;
  const std::string type = option.get_type_name();
  if (const auto open = type.find('{'); open != std::string::npos && type.ends_with('}')) {
    out.choices = split(std::string_view(type).substr(open + 1, type.size() - open - 2), ',');
  } else if (type == "DIR" || type == "CONTEXT") {
    out.value = CompletionOption::Value::folder;
  } else if (type == "FILE" || type == "PATH" || type == "SOURCE" || type == "TARGET" || type == "IMAGE" ||
             type == "SCRIPT") {
    out.value = CompletionOption::Value::file;
  }
  return out;
}

CompletionCommand command_of(const CLI::App& app, const std::string& name) {
  CompletionCommand out{.name = name, .help = app.get_description()};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional())
      out.takes_files = out.takes_files || option_of(*option).value != CompletionOption::Value::word;
    else
      out.options.push_back(option_of(*option));
  }
  for (const CLI::App* below : app.get_subcommands(nullptr))
    if (!below->get_group().empty()) out.commands.push_back(command_of(*below, below->get_name()));
  return out;
}

}  // namespace

void add_register(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand(
      "register", "Make a runner of gitlab-runner's config.toml call scangate; again changes nothing");
  auto options = std::make_shared<RegisterOptions>();
  command
      ->add_option(
          "--config-toml", options->config_toml,
          "gitlab-runner's file; else /etc/gitlab-runner/config.toml as root, ~/.gitlab-runner/config.toml otherwise")
      ->type_name("FILE");
  auto* runner =
      command->add_option("--runner", options->choice.runner, "Change this runner of the file")->type_name("NAME");
  auto* token =
      command
          ->add_option("--token", options->choice.token,
                       "Add, or bring up to date, the runner with this authentication token; - reads standard input")
          ->type_name("TOKEN");
  command->add_option("--url", options->choice.url, "GitLab server of a new runner")->type_name("URL")->needs(token);
  command->add_option("--name", options->choice.name, "Name of a new runner; else the host's")
      ->type_name("NAME")
      ->needs(token);
  runner->excludes(token);
  command->add_flag("--dry-run", options->dry_run, "Print the section instead of writing it");
  command->callback([options, &context] { context.guard([&] { return do_register(context, *options); }); });
}

void add_doctor(CLI::App& app, Context& context) {
  auto* command =
      app.add_subcommand("doctor", "Check this host, one line each with the remedy; exit 0 no problem, 5 otherwise");
  auto options = std::make_shared<DoctorOptions>();
  command->add_option("--format", options->format, "text, json")->check(CLI::IsMember({"text", "json"}));
  command->add_option("--config-toml", options->config_toml, "gitlab-runner's file")->type_name("FILE");
  command->callback([options, &context] { context.guard([&] { return doctor(context, *options); }); });
}

void add_completion(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("completion", "Print completions for a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell)->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &app, &context] {
    context.guard([&]() -> Result<ExitCode> {
      SCANGATE_TRY(const auto script, completion_script(*shell, command_of(app, "scangate")));
      SCANGATE_CHECK(context.print(script));
      return ExitCode::done;
    });
  });
}

}  // namespace scangate::cli
