#pragma once
// What `scangate doctor` found out about the host: plain values, so that the rules in diagnosis.h can be shown any
// host.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/http/http.h"
#include "base/process.h"
#include "executor/host/runner_config.h"
#include "executor/settings/settings.h"

namespace scangate {

// Something that was tried: what it said when it worked, else why it did not.
struct Trial {
  bool works = false;
  std::string text;
};

struct RegistryAnswer {
  std::string host;  // as the configuration names it
  std::string url;
  int status = 0;  // 0: no answer, the reason is in `error`
  std::string error;
};

enum class ShimKind { missing, not_executable, dynamic, static_program, not_a_program };

struct HostFacts {
  // The process.
  bool as_root = false;
  std::string user;
  std::string program;                          // absolute path of the running binary
  std::map<std::string, std::string> programs;  // what of doctor's list is on PATH: name to path
  // The kernel.
  std::string kernel_release;
  std::optional<std::int64_t> max_user_namespaces;    // user.max_user_namespaces
  std::optional<bool> unprivileged_namespaces;        // kernel.unprivileged_userns_clone, Debian's and Arch's
  std::optional<bool> apparmor_restricts_namespaces;  // kernel.apparmor_restrict_unprivileged_userns, Ubuntu's
  bool seccomp_filter = false;
  enum class Cgroups { none, v1, hybrid, v2 } cgroups = Cgroups::none;
  Trial limits;                        // of processors, memory and processes together; text: which of them
  std::uint64_t subordinate_uids = 0;  // size of the first range of /etc/subuid
  std::uint64_t subordinate_gids = 0;
  // Trials.
  Trial namespaces;
  Trial overlay;
  Trial sandbox;
  NetworkChoice network_choice = NetworkChoice::automatic;
  Trial network;              // of jobs; text: how they get it
  bool network_own = false;   // a namespace of its own
  bool network_names = true;  // the name server answers from in there
  // Files.
  std::string config_file;  // empty: built-in settings
  Enforce enforce = Enforce::strict;
  Trial policy;  // text: its name and where it is from
  std::string store;
  Trial store_writable;
  std::uint64_t store_free_bytes = 0;
  std::string shim;
  ShimKind shim_kind = ShimKind::missing;
  bool certificates = false;  // the system's bundle
  // Advisory data.
  std::string database;
  Trial advisories;  // text: why it cannot be opened
  std::size_t advisory_sources = 0;
  std::size_t advisory_records = 0;
  std::optional<TimePoint> advisory_newest;  // newest record of any source
  TimePoint now{};
  // Others.
  std::vector<RegistryAnswer> registries;
  std::string runner_config;  // config.toml that was looked at
  bool runner_config_there = false;
  std::string runner_config_error;
  std::vector<ConfiguredRunner> runners;
  bool runner_program_there = false;  // the program that the first of our runners names
};

struct FactsRequest {
  const Settings& settings;
  std::string config_file;
  std::filesystem::path runner_config;  // may be empty
  std::filesystem::path program;
  const std::vector<std::string>& environment;
  const Clock& clock;
};

// Everything that has to be seen as the user himself: identity, kernel, files of other programs.
HostFacts read_host(const FactsRequest& request);
// The rest, after enter_host_namespaces(), whose outcome the caller puts into facts.namespaces: mounts, sandbox, store,
// data, registries. Where the store does not exist yet it is tried beside its future place; nothing is left behind.
void try_host(HostFacts& facts, const FactsRequest& request, ProcessRunner& runner, HttpTransport& transport,
              const Cancel& cancel);

// What a file is as a shim: it has to start in images that hold no libraries. ELF-64, "Program Header", PT_INTERP.
ShimKind shim_kind(const std::filesystem::path& path);

}  // namespace scangate
