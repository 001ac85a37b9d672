#include "pipeline/sandbox/cgroups.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/file.h"
#include "base/text.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxControlBytes = 64U << 10U;
constexpr std::string_view kPrefix = "scangate-";
constexpr std::uint64_t kPeriodMicroseconds = 100'000;
// The kernel lets go of a group some milliseconds after its last process; longer means that one is left.
constexpr int kRemoveAttempts = 100;
constexpr std::chrono::milliseconds kRemoveWait{5};

std::string text_of(const fs::path& file) {
  return read_file(file, kMaxControlBytes).value_or("");
}

bool has_word(std::string_view text, std::string_view word) {
  for (const auto& line : split(text, '\n'))
    for (const auto& each : split(line, ' '))
      if (each == word) return true;
  return false;
}

Result<void> write_control(const fs::path& file, const std::string& value) {
  SCANGATE_TRY(const UniqueFd fd, open_file(file, O_WRONLY));
  return write_fd(fd.get(), as_bytes(value), file.string());
}

// When a process started, in ticks since boot: proc(5), /proc/pid/stat, field 22. Tells a reused number. The name in
// field 2 may hold anything, so fields count from its closing bracket.
std::string started_at(const std::string& pid) {
  const std::string stat = text_of("/proc/" + pid + "/stat");
  const std::size_t bracket = stat.rfind(')');
  if (bracket == std::string::npos) return {};
  const auto fields = split(std::string_view(stat).substr(bracket + 1), ' ');
  return fields.size() > 20 ? fields[20] : "";
}

// Removes groups whose makers are gone. False when one has processes still.
bool sweep(const fs::path& parent) {
  bool all = true;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const auto parts = split(std::string_view(name).substr(kPrefix.size()), '-');
    if (parts.size() != 3 || started_at(parts[0]) == parts[1]) continue;
    if (::rmdir(it->path().c_str()) != 0 && errno == EBUSY) all = false;
  }
  return all;
}

// From the hierarchy's root down to our own group: the higher, the less is in our way.
std::vector<fs::path> candidates(const fs::path& root, const std::string& own) {
  std::vector<fs::path> out = {root};
  for (const auto& part : fs::path(own).relative_path())
    if (part != ".." && part != ".") out.push_back(out.back() / part);
  return out;
}

std::optional<fs::path> place_in_v2(const fs::path& root, const std::string& own, const std::string& controller) {
  for (const auto& folder : candidates(root, own)) {
    if (!has_word(text_of(folder / "cgroup.controllers"), controller) || ::access(folder.c_str(), W_OK) != 0) continue;
    // A group with processes in it, other than the root, cannot hand controllers down: "no internal processes".
    if (has_word(text_of(folder / "cgroup.subtree_control"), controller) ||
        write_control(folder / "cgroup.subtree_control", "+" + controller))
      return folder;
  }
  return std::nullopt;
}

std::optional<fs::path> place_in_v1(const fs::path& root, const std::string& own) {
  for (const auto& folder : {root / fs::path(own).relative_path(), root})
    if (::access((folder / "cgroup.procs").c_str(), W_OK) == 0 && ::access(folder.c_str(), W_OK) == 0) return folder;
  return std::nullopt;
}

std::vector<std::string> controllers_for(const SandboxLimits& limits) {
  std::vector<std::string> out;
  if (limits.cpus) out.emplace_back("cpu");
  if (limits.memory_bytes) out.emplace_back("memory");
  if (limits.processes) out.emplace_back("pids");
  return out;
}

}  // namespace

Cgroup::~Cgroup() {
  members_.clear();
  for (const auto& folder : folders_)
    for (int attempt = 0; attempt < kRemoveAttempts; ++attempt) {
      if (::rmdir(folder.c_str()) == 0 || errno != EBUSY) break;
      std::this_thread::sleep_for(kRemoveWait);
    }
}

int Cgroup::join() const {
  for (const auto& member : members_)
    if (::write(member.get(), "0", 1) != 1) return errno == 0 ? EIO : errno;
  return 0;
}

std::shared_ptr<Cgroups> Cgroups::probe(const SandboxLimits& wanted) {
  return std::make_shared<Cgroups>(wanted, "/sys/fs/cgroup", text_of("/proc/self/cgroup"));
}

Cgroups::Cgroups(const SandboxLimits& wanted, fs::path mount, std::string_view own) : mount_(std::move(mount)) {
  // cgroups(7), "/proc/pid/cgroup": hierarchy:controllers:path, for version 2 "0::path".
  for (const auto& line : split(own, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    if (names.empty()) own_two_ = line.substr(second + 1);
    for (const auto& name : split(names, ','))
      if (!name.empty()) own_one_[name] = line.substr(second + 1);
  }
  std::vector<std::string> limited, missing;
  for (const auto& controller : controllers_for(wanted))
    (place_for(controller) != nullptr ? limited : missing).push_back(controller);
  complete_ = missing.empty();
  if (limited.empty() && missing.empty())
    description_ = "no limits configured";
  else if (limited.empty())
    description_ = fmt::format("no limits: the control groups of {} cannot be written", fmt::join(missing, ", "));
  else
    description_ = fmt::format("limits on {}", fmt::join(limited, ", "));
  if (!limited.empty() && !missing.empty())
    description_ += fmt::format(" (not on {}: its control groups cannot be written)", fmt::join(missing, ", "));
}

const Cgroups::Place* Cgroups::place_for(const std::string& controller) {
  const std::lock_guard lock(places_mutex_);
  const auto [known, fresh] = places_.try_emplace(controller);
  if (fresh) {
    const fs::path root = ::access((mount_ / "cgroup.controllers").c_str(), F_OK) == 0 ? mount_ : mount_ / "unified";
    std::optional<fs::path> parent;
    auto version = Version::two;
    if (own_two_) parent = place_in_v2(root, *own_two_, controller);
    if (const auto own = own_one_.find(controller); !parent && own != own_one_.end()) {
      version = Version::one;
      parent = place_in_v1(mount_ / controller, own->second);
    }
    if (parent) {
      sweep(*parent);
      known->second = Place{.controller = controller, .parent = *parent, .version = version};
    }
  }
  return known->second ? &*known->second : nullptr;
}

void Cgroups::sweep_ended() {
  const std::lock_guard lock(places_mutex_);
  for (const auto& [controller, place] : places_)
    for (int attempt = 0; place && !sweep(place->parent) && attempt < kRemoveAttempts; ++attempt)
      std::this_thread::sleep_for(kRemoveWait);
}

std::uint64_t Cgroup::memory_kills() const {
  std::uint64_t kills = 0;
  for (const auto& folder : folders_)
    for (const char* file : {"memory.events", "memory.oom_control"})
      for (const auto& line : split(text_of(folder / file), '\n')) {
        constexpr std::string_view kCount = "oom_kill ";
        if (line.starts_with(kCount)) kills += std::strtoull(line.c_str() + kCount.size(), nullptr, 10);
      }
  return kills;
}

Result<std::unique_ptr<Cgroup>> Cgroups::make(const SandboxLimits& limits) {
  auto out = std::make_unique<Cgroup>();
  const std::string pid = std::to_string(::getpid());
  const std::string name = fmt::format("{}{}-{}-{}", kPrefix, pid, started_at(pid), made_++);
  out->memory_limit_ = limits.memory_bytes;
  for (const auto& controller : controllers_for(limits)) {
    const Place* found = place_for(controller);
    if (found == nullptr) {
      out->missing_.push_back(controller);
      continue;
    }
    const Place& place = *found;
    const fs::path folder = place.parent / name;
    // In version 2 the controllers usually share a parent, and then the group.
    if (std::find(out->folders_.begin(), out->folders_.end(), folder) == out->folders_.end()) {
      if (::mkdir(folder.c_str(), 0755) != 0)
        return fail(host_error("cannot make control group " + folder.string(), errno));
      out->folders_.push_back(folder);
      SCANGATE_TRY(UniqueFd members, open_file(folder / "cgroup.procs", O_WRONLY));
      out->members_.push_back(std::move(members));
    }
    const bool one = place.version == Version::one;
    if (place.controller == "cpu") {
      const auto quota = static_cast<std::uint64_t>(*limits.cpus * static_cast<double>(kPeriodMicroseconds));
      if (one) {
        SCANGATE_CHECK(write_control(folder / "cpu.cfs_period_us", std::to_string(kPeriodMicroseconds)));
        SCANGATE_CHECK(write_control(folder / "cpu.cfs_quota_us", std::to_string(quota)));
      } else {
        SCANGATE_CHECK(write_control(folder / "cpu.max", fmt::format("{} {}", quota, kPeriodMicroseconds)));
      }
    } else if (place.controller == "memory") {
      SCANGATE_CHECK(
          write_control(folder / (one ? "memory.limit_in_bytes" : "memory.max"), std::to_string(*limits.memory_bytes)));
    } else {
      SCANGATE_CHECK(write_control(folder / "pids.max", std::to_string(*limits.processes)));
    }
  }
  return out;
}

Result<std::shared_ptr<Cgroup>> Cgroups::common(const SandboxLimits& limits) {
  const std::lock_guard lock(mutex_);
  if (auto there = common_.lock()) return there;
  SCANGATE_TRY(auto made, make(limits));
  made->common_ = true;
  std::shared_ptr<Cgroup> out(std::move(made));
  common_ = out;
  return out;
}

}  // namespace scangate
