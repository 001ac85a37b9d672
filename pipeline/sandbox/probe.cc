#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/sandbox/bubblewrap.h"
#include "pipeline/sandbox/oci_runtime.h"
#include "pipeline/sandbox/probe_memory.h"
#include "pipeline/sandbox/sandbox.h"

namespace scangate {
namespace {

// Where the runtimes are looked for: not the caller's PATH, which a job may have set.
constexpr std::string_view kProgramPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// "runc version 1.1.5+ds1" and "crun version 1.8.1": the first line's last word.
Result<std::string> version_of(const std::string& program, ProcessRunner& runner) {
  std::string text;
  SCANGATE_TRY(const Exit exit, runner.run({.argv = {program, "--version"},
                                            .environment = {"PATH=" + std::string(kProgramPath)},
                                            .timeout = std::chrono::seconds(10)},
                                           Cancel(), [&](Stream, std::string_view piece) { text += piece; }));
  const auto words = split(text.substr(0, text.find('\n')), ' ');
  if (exit.shell_code() != 0 || words.size() < 2)
    return fail(Fault::host, fmt::format("'{} --version' ended with {}", program, exit.shell_code()));
  return words.back();
}

// The options of the mount at `target` in the text of /proc/self/mountinfo: proc_pid_mountinfo(5), fields 5 and 6.
std::string mount_options(std::string_view mountinfo, std::string_view target) {
  std::string found;
  for (const auto& line : split(mountinfo, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() > 6 && fields[4] == target) found = "," + fields[5] + ",";
  }
  return found;
}

// A run of the host's own `cat` in the host's own root, read-only: everything but the image is as in real runs. What it
// prints shows that the guards that a version might lose are there.
Result<void> try_run(Sandbox& sandbox) {
  const auto program = find_program("cat", kProgramPath);
  if (!program) return fail(Fault::host, "the host has no program 'cat' to try it with");
  std::string said;
  SandboxSpec spec;
  spec.root = "/";
  spec.root_read_only = true;
  spec.argv = {*program, "/proc/self/mountinfo", "/proc/self/status"};
  spec.environment = {"PATH=" + std::string(kProgramPath)};
  SCANGATE_TRY(const Exit exit, sandbox.run(spec, Cancel(), [&](Stream, std::string_view text) { said += text; }));
  if (exit.shell_code() != 0)
    return fail(Fault::host, fmt::format("a trial run ended with {}: {}", exit.shell_code(), trim(printable(said))));
  if (!in_user_namespace()) {
    for (const std::string_view target : {"/", "/dev"})
      if (mount_options(said, target).find(",nodev,") == std::string::npos)
        return fail(Fault::host, fmt::format("it leaves device nodes in {} usable", target));
  }
  if (said.find("Seccomp:\t2") == std::string::npos) return fail(Fault::host, "it installs no seccomp filter");
  return {};
}

// Cheapest first; bubblewrap last, as setuid programs do not work in it.
constexpr std::array<std::string_view, 3> kCandidates = {"crun", "runc", "bubblewrap"};

std::string_view program_name(std::string_view candidate) {
  return candidate == "bubblewrap" ? "bwrap" : candidate;
}

}  // namespace

const std::vector<std::string>& sandbox_mount_points() {
  static const std::vector<std::string> points = {"/proc", "/sys", "/dev"};
  return points;
}

Result<std::unique_ptr<Sandbox>> probe_sandbox(const SandboxSettings& settings, ProcessRunner& runner) {
  const auto run_folder = std::filesystem::absolute(settings.state_folder) / "run";
  SCANGATE_CHECK(make_directories(run_folder, 0700));
  const RunLimits limits{.groups = Cgroups::probe(settings.limits), .defaults = settings.limits};
  std::vector<std::string> installed;
  for (const auto name : kCandidates)
    if (const auto program = find_program(program_name(name), kProgramPath)) installed.push_back(*program);
  const ProbeMemory memory(std::filesystem::absolute(settings.state_folder), settings.runtime, installed);
  const auto make = [&](std::string_view name, const std::string& program, const std::string& version,
                        const std::string& others) {
    std::string description =
        fmt::format("{} {} {}, {}{}", name, version, in_user_namespace() ? "rootless" : "as root",
                    limits.groups->description(), name == "bubblewrap" ? ", setuid programs do not work" : "");
    if (!others.empty()) description += " (" + others + ")";
    return name == "bubblewrap" ? make_bubblewrap_sandbox(program, runner, std::move(description), limits)
                                : make_oci_sandbox(name == "crun" ? OciRuntime::crun : OciRuntime::runc, program,
                                                   run_folder, runner, std::move(description), limits);
  };
  if (const auto known = memory.recall();
      known && std::find(kCandidates.begin(), kCandidates.end(), known->runtime) != kCandidates.end())
    if (const auto program = find_program(program_name(known->runtime), kProgramPath))
      return make(known->runtime, *program, known->version, known->refused);
  std::string refused;
  const auto refuse = [&](std::string_view name, std::string_view why) {
    refused += fmt::format("{}{}: {}", refused.empty() ? "" : "; ", name, why);
  };
  bool known = false;
  for (const auto name : kCandidates) {
    if (settings.runtime != "auto" && settings.runtime != name) continue;
    known = true;
    const auto program = find_program(program_name(name), kProgramPath);
    if (!program) {
      refuse(name, "not installed");
      continue;
    }
    const auto version = version_of(*program, runner);
    if (!version) {
      refuse(name, version.error().cause());
      continue;
    }
    auto sandbox = make(name, *program, *version, refused);
    if (const auto tried = try_run(*sandbox); !tried) {
      refuse(name, tried.error().cause());
      continue;
    }
    memory.remember({.runtime = std::string(name), .version = *version, .refused = refused});
    return sandbox;
  }
  if (!known)
    return fail(Error(Fault::user, fmt::format("unknown sandbox runtime '{}'", settings.runtime))
                    .remedy("use auto, crun, runc or bubblewrap"));
  return fail(Error(Fault::host, fmt::format("no sandbox runtime works here: {}", refused))
                  .remedy("install crun or runc; as a plain user also uidmap"));
}

}  // namespace scangate
