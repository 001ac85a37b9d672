#include "executor/gate/call.h"

#include <algorithm>

#include "base/text.h"
#include "executor/gate/job_log.h"
#include "executor/settings/settings.h"
#include "executor/wire/wire.h"

namespace scangate {

GateCall::GateCall(GateRequest& asked, const Cancel& gone, LogSections sections)
    : request(asked),
      cancel(gone),
      console(asked.error.get(), sections == LogSections::on && is_job_log(asked.root.get(), asked.error.get())
                                     ? ConsoleMode::job
                                     : ConsoleMode::plain),
      files(asked.root.get(), asked.directory) {}

std::string GateCall::program() const {
  if (request.arguments.empty()) return {};
  const std::string& called = request.arguments.front();
  return called.substr(called.rfind('/') + 1);
}

std::span<const std::string> GateCall::arguments() const {
  const std::span<const std::string> all(request.arguments);
  return all.empty() ? all : all.subspan(1);
}

std::optional<std::string> GateCall::variable(std::string_view name) const {
  return environment_value(request.environment, name);
}

bool GateCall::has_own_program(const std::string& name) const {
  const auto folders = split(variable("PATH").value_or(""), ':');
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return folder.starts_with('/') && folder != wire::kCommands && files.exists(folder + "/" + name);
  });
}

void GateCall::say(std::string_view text) {
  static_cast<void>(JobOutput(request.error.get(), "standard error", cancel).write(as_bytes(text)));
}

void GateCall::print(std::string_view text) {
  static_cast<void>(JobOutput(request.output.get(), "standard output", cancel).write(as_bytes(text)));
}

int GateCall::fail_with(const Error& error, int code) {
  say("ERROR: " + error.text() + "\n");
  return code;
}

Result<std::string> GateCall::read_input(std::size_t cap_bytes, std::string_view what) {
  JobInput input(request.input.get(), fmt::format("{} on standard input", what), cancel);
  return read_all(input, cap_bytes);
}

}  // namespace scangate
