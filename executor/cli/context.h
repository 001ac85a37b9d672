#pragma once
// What every command of the command line shares.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/process.h"
#include "executor/console/console.h"
#include "executor/engine/engine.h"
#include "executor/engine/logins.h"
#include "executor/exit/exit_code.h"
#include "executor/settings/settings.h"
#include "pipeline/ci/config_files.h"

namespace scangate::cli {

struct GlobalOptions {
  std::string store, config, database, policy;
  std::string progress = "auto";  // auto, tty, plain, json
  bool quiet = false;
};

// Made in main; commands keep a reference. Standard output carries results, standard error progress and errors.
struct Context {
  std::vector<std::string> environment;
  std::filesystem::path program;
  const Clock& clock;
  ProcessRunner& runner;
  Cancel cancel;
  GlobalOptions global;
  ExitCode exit = ExitCode::done;
  int raw_exit = -1;  // when >= 0 it is the process's code (the runner's own numbers)
  std::unique_ptr<Console> console;
  std::unique_ptr<ci::GitLibrary> git;

  Console& progress();
  Result<Settings> settings() const;
  // The user's own credentials: $DOCKER_CONFIG/config.json or ~/.docker/config.json, when there is one.
  Result<std::shared_ptr<CredentialSource>> user_credentials();
  // libgit2, from here to the end of the program. Only commands that read a repository call it: Debian's reads every CA
  // certificate when it starts, 8 ms that each stage of a job would pay.
  void use_git();
  // Enters the namespaces that mounts need, then opens the engine with the given credentials (none: the user's own).
  // `where_possible`: without them the engine builds what runs no program.
  enum class Mounts { no, where_possible, yes };
  Result<std::unique_ptr<Engine>> open_engine(Mounts mounts, std::shared_ptr<CredentialSource> credentials = nullptr,
                                              const std::string& names_of = {});

  // Prints the Error and sets the exit code by its fault.
  void report(const Error& error);
  // Runs a command's body: an Error becomes message and exit code.
  void guard(const std::function<Result<ExitCode>()>& body);
  // Standard output, whole or failing loudly.
  Result<void> print(std::string_view text) const;
};

// For commands that hold a job's credentials: a crash must not write them to disk.
void forbid_core_dumps();

}  // namespace scangate::cli
