#include "pipeline/sandbox/probe_memory.h"

#include <sys/stat.h>

#include <chrono>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"

namespace scangate {
namespace {

constexpr std::size_t kMaxFileBytes = 64U << 10U;
constexpr std::chrono::hours kKept{1};

// The lines of /proc/self/status that say what we may do; proc_pid_status(5).
std::string rights() {
  std::string out;
  for (const auto& line : split(read_file("/proc/self/status", kMaxFileBytes).value_or(""), '\n'))
    for (const std::string_view name : {"Uid:", "CapEff:", "CapBnd:", "NoNewPrivs:", "Seccomp:"})
      if (line.starts_with(name)) out += line + "\n";
  return out;
}

}  // namespace

ProbeMemory::ProbeMemory(const std::filesystem::path& folder, const std::string& runtime,
                         const std::vector<std::string>& programs)
    : file_(folder / "probe") {
  const auto boot = read_file("/proc/sys/kernel/random/boot_id", kMaxFileBytes);
  const auto ids = read_file("/proc/self/uid_map", kMaxFileBytes);
  if (!boot || !ids) return;
  std::string facts = runtime + "\n" + *boot + *ids + rights();
  for (const auto& program : programs) {
    struct stat status{};
    if (stat(program.c_str(), &status) != 0) return;
    facts += fmt::format("{} {} {} {}.{}\n", program, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                         status.st_mtim.tv_nsec);
  }
  key_ = Digest::of(facts).hex();
}

std::optional<ProbeResult> ProbeMemory::recall() const {
  struct stat status{};
  if (key_.empty() || stat(file_.c_str(), &status) != 0) return std::nullopt;
  const auto age = std::chrono::system_clock::now() - std::chrono::system_clock::from_time_t(status.st_mtim.tv_sec);
  if (age < std::chrono::seconds(-1) || age > kKept) return std::nullopt;
  const auto text = read_file(file_, kMaxFileBytes);
  if (!text) return std::nullopt;
  const auto lines = split(*text, '\n');
  if (lines.size() != 5 || lines[0] != key_ || lines[1].empty()) return std::nullopt;
  return ProbeResult{.runtime = lines[1], .version = lines[2], .refused = lines[3]};
}

void ProbeMemory::remember(const ProbeResult& result) const {
  if (key_.empty()) return;
  for (const auto& text : {result.runtime, result.version, result.refused})
    if (text.find('\n') != std::string::npos) return;
  static_cast<void>(write_file_atomic(
      file_, as_bytes(fmt::format("{}\n{}\n{}\n{}\n", key_, result.runtime, result.version, result.refused)), 0600));
}

}  // namespace scangate
