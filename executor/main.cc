// scangate: one program for the runner's custom executor, the command line and local pipelines.
#include <csignal>

#include <CLI/CLI.hpp>
#include <clocale>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "executor/cli/commands.h"
#include "executor/cli/context.h"
#include "executor/session/job_step.h"

namespace {

// The one object a signal handler can reach.
const scangate::Cancel* g_cancel = nullptr;

extern "C" void on_signal(int) {
  if (g_cancel != nullptr) g_cancel->cancel();
}

void install_signals(const scangate::Cancel& cancel) {
  g_cancel = &cancel;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  for (const int number : {SIGINT, SIGTERM, SIGHUP})
    sigaction(number, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

int run(int argc, char** argv) {
  // libarchive converts names of pax headers through the locale; without UTF-8 it warns on each of them.
  setlocale(LC_CTYPE, "C.UTF-8");
  const scangate::SystemClock clock;
  scangate::SystemProcessRunner runner;
  std::error_code ignored;
  scangate::cli::Context context{.environment = scangate::current_environment(),
                                 .program = std::filesystem::read_symlink("/proc/self/exe", ignored),
                                 .clock = clock,
                                 .runner = runner};
  install_signals(context.cancel);

  CLI::App app("scangate: builds, scans and pushes container images; nothing leaves unscanned");
  app.set_version_flag("--version", "scangate " + std::string(scangate::scangate_version()));
  app.require_subcommand(1);
  app.fallthrough();
  auto& global = context.global;
  app.add_option("--store", global.store, "Store folder (SCANGATE_STORE)")->type_name("DIR");
  app.add_option("--config", global.config, "Configuration (SCANGATE_CONFIG, else /etc/scangate/config.yaml)")
      ->type_name("FILE");
  app.add_option("--db", global.database, "Advisory database (SCANGATE_DB)")->type_name("FILE");
  app.add_option("--policy", global.policy, "Policy (SCANGATE_POLICY)")->type_name("FILE");
  app.add_option("--progress", global.progress, "auto, tty, plain, json")
      ->check(CLI::IsMember({"auto", "tty", "plain", "json"}));
  app.add_flag("-q,--quiet", global.quiet, "Warnings and results only");
  scangate::cli::add_build(app, context);
  scangate::cli::add_scan(app, context);
  scangate::cli::add_push(app, context);
  scangate::cli::add_pull(app, context);
  scangate::cli::add_image(app, context);
  scangate::cli::add_db(app, context);
  scangate::cli::add_plan(app, context);
  scangate::cli::add_run(app, context);
  scangate::cli::add_executor(app, context);
  scangate::cli::add_register(app, context);
  scangate::cli::add_doctor(app, context);
  scangate::cli::add_completion(app, context);
  scangate::cli::add_debug(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are no errors; everything else is wrong usage.
    return app.exit(error) == 0 ? 0 : scangate::exit_number(scangate::ExitCode::invalid);
  }
  return context.raw_exit >= 0 ? context.raw_exit : scangate::exit_number(context.exit);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "scangate: this is a bug, please report it: %s\n", error.what());
    return scangate::exit_number(scangate::ExitCode::environment);
  }
}
