#pragma once
// One command of the job under way: what it was asked, its streams and files, and the credentials it brought.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "executor/console/console.h"
#include "executor/gate/job_files.h"
#include "executor/gate/server.h"
#include "pipeline/registry/registry.h"

namespace scangate {

// Docker's own code for a command that failed.
inline constexpr int kCommandFailed = 1;

// Whether commands that speak to the log of a GitLab job mark its sections; never where no GitLab shows them.
enum class LogSections { off, on };

// Used by one thread. Request and cancel outlive it.
class GateCall {
 public:
  GateCall(GateRequest& request, const Cancel& cancel, LogSections sections = LogSections::off);

  GateRequest& request;
  const Cancel& cancel;
  Console console;  // progress lines, on the command's standard error; with sections when that is the job's log
  JobFiles files;
  // Credentials of this command alone, of which the job's `docker login`s come in between. Both already revealed.
  std::shared_ptr<CredentialSource> given_credentials;  // named on the command line: --creds
  std::shared_ptr<CredentialSource> file_credentials;   // the job's config.json, see job_credentials.h
  std::unique_ptr<Registry> registry;                   // made by ImageCommands when first needed

  // The name it was called by, without folders, and what follows it.
  std::string program() const;
  std::span<const std::string> arguments() const;
  std::optional<std::string> variable(std::string_view name) const;
  // Whether the job has a program of this name besides the shim, by its PATH.
  bool has_own_program(const std::string& name) const;

  // Standard error, standard output. A reader that went away is no failure of the command.
  void say(std::string_view text);
  void print(std::string_view text);
  // Says "ERROR: …" and gives `code`.
  int fail_with(const Error& error, int code = kCommandFailed);
  // All of standard input; `what` names it in an Error ("the password").
  Result<std::string> read_input(std::size_t cap_bytes, std::string_view what);
};

}  // namespace scangate
