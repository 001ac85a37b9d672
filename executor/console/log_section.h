#pragma once
// A part of a GitLab job's log that readers unfold, with the time it took. GitLab, doc/ci/jobs/job_logs.md, "Custom
// collapsible sections".
#include <string>
#include <string_view>

#include "executor/console/console.h"

namespace scangate {

// Collapsed, from construction to destruction; lines of the console in between are in it. `name`: lower-case letters,
// digits and "_"; a suffix keeps two of one name apart. Does nothing on a console that does not write a job's log
// (ConsoleMode::job). The console outlives it.
class LogSection {
 public:
  LogSection(Console& console, std::string_view name, std::string_view title);
  ~LogSection();
  LogSection(const LogSection&) = delete;
  LogSection& operator=(const LogSection&) = delete;

 private:
  Console& console_;
  std::string name_;
};

}  // namespace scangate
