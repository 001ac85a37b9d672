#pragma once
// Telling a program that could not be started from one that failed.
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/sandbox/sandbox.h"

namespace scangate {

// What a runtime says about a program that is not there or cannot be executed; nullopt when it says something else.
std::optional<std::string> program_fault(const SandboxSpec& spec, std::string_view message);
// "cannot start 'x': …", Fault::user.
Error not_started(const SandboxSpec& spec, const std::string& fault);

// Keeps back what may be a runtime's own complaint instead of the program's first words on stderr, until it is known
// which. The last stage of a start, execve itself, is told there only.
class Complaints {
 public:
  explicit Complaints(const ProcessRunner::OnOutput& on_output) : on_output_(on_output) {}

  void take(Stream stream, std::string_view text) {
    if (stream == Stream::out || passed_) {
      if (!held_.empty()) release();
      passed_ = true;
      if (on_output_) on_output_(stream, text);
      return;
    }
    held_ += text;
    if (held_.size() > kMaxComplaint || !may_be_complaint()) release();
  }
  void release() {
    if (!held_.empty() && on_output_) on_output_(Stream::err, held_);
    held_.clear();
    passed_ = true;
  }
  // Empty once the program's own output was passed on.
  const std::string& held() const { return held_; }

 private:
  static constexpr std::size_t kMaxComplaint = 4096;
  bool may_be_complaint() const {
    for (const std::string_view start : {"executable file `", "open executable", "{\"msg\":\"exec container process",
                                         "exec /", "runc run failed: ", "bwrap: "})
      if (held_.starts_with(start) || (held_.size() < start.size() && start.starts_with(held_))) return true;
    return false;
  }

  const ProcessRunner::OnOutput& on_output_;
  std::string held_;
  bool passed_ = false;
};

}  // namespace scangate
