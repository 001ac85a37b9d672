#include "executor/host/diagnosis.h"

#include <algorithm>
#include <charconv>

#include "base/json/json.h"
#include "base/text.h"

namespace scangate {
namespace {

// overlayfs's `volatile`, which workspaces are mounted with. https://kernelnewbies.org/Linux_5.10
constexpr std::pair<int, int> kOldestKernel{5, 10};
// overlayfs in user namespaces (userxattr). https://kernelnewbies.org/Linux_5.11
constexpr std::pair<int, int> kOldestRootlessKernel{5, 11};
// The ids of an image reach to 65534 (nobody), and adduser hands out ranges of this size.
constexpr std::uint64_t kUsualSubordinateIds = 65'536;
// A job's image, its build and the layers on their way are a few gigabytes; below the second one nothing gets built at
// all.
constexpr std::uint64_t kComfortableBytes = 10'000'000'000;
constexpr std::uint64_t kLeastBytes = 1'000'000'000;
// Distributions publish advisories daily. A fortnight without a record means that nobody updates the data.
constexpr std::chrono::days kFreshAdvisories{14};

class Checks {
 public:
  explicit Checks(Diagnosis& out) : out_(out) {}
  void ok(std::string subject, std::string text) { add(std::move(subject), Health::ok, std::move(text), {}); }
  void warning(std::string subject, std::string text, std::string remedy) {
    add(std::move(subject), Health::warning, std::move(text), std::move(remedy));
  }
  void problem(std::string subject, std::string text, std::string remedy) {
    add(std::move(subject), Health::problem, std::move(text), std::move(remedy));
  }

 private:
  void add(std::string subject, Health health, std::string text, std::string remedy) {
    // An Error may have several lines; the first has place and cause.
    out_.checks.push_back({std::move(subject), health, printable(text.substr(0, text.find('\n'))), std::move(remedy)});
  }
  Diagnosis& out_;
};

std::optional<std::pair<int, int>> kernel_version(std::string_view release) {
  int major = 0;
  int minor = 0;
  const auto first = std::from_chars(release.data(), release.data() + release.size(), major);
  if (first.ec != std::errc() || first.ptr == release.data() + release.size() || *first.ptr != '.') return std::nullopt;
  if (std::from_chars(first.ptr + 1, release.data() + release.size(), minor).ec != std::errc()) return std::nullopt;
  return std::pair{major, minor};
}

void check_kernel(const HostFacts& facts, Checks& checks) {
  const auto version = kernel_version(facts.kernel_release);
  const auto needed = facts.as_root ? kOldestKernel : kOldestRootlessKernel;
  if (!version)
    checks.warning("kernel", fmt::format("'{}' is no version that can be compared", facts.kernel_release),
                   fmt::format("Linux {}.{} or newer is needed", needed.first, needed.second));
  else if (*version < needed)
    checks.problem("kernel", facts.kernel_release,
                   fmt::format("Linux {}.{} or newer is needed{}", needed.first, needed.second,
                               facts.as_root ? "" : " without root"));
  else
    checks.ok("kernel", facts.kernel_release);
}

void check_namespaces(const HostFacts& facts, Checks& checks) {
  if (facts.namespaces.works) {
    checks.ok("namespaces", facts.namespaces.text);
    return;
  }
  std::string remedy;
  if (facts.as_root)
    remedy = "give the runner's service CAP_SYS_ADMIN, or run it as a plain user";
  else if (facts.max_user_namespaces == 0)
    remedy = "sysctl user.max_user_namespaces=15000";
  else if (facts.unprivileged_namespaces == false)
    remedy = "sysctl kernel.unprivileged_userns_clone=1";
  else if (facts.apparmor_restricts_namespaces == true)
    remedy = fmt::format("AppArmor restricts user namespaces: give {} a profile with 'userns,', see docs/install.md",
                         facts.program);
  else
    remedy = "allow user namespaces, or run the runner as root";
  checks.problem("namespaces", facts.namespaces.text, remedy);
}

void check_subordinate_ids(const HostFacts& facts, Checks& checks) {
  if (facts.as_root) {
    checks.ok("ids", "root: no subordinate ids needed");
    return;
  }
  if (!facts.programs.contains("newuidmap") || !facts.programs.contains("newgidmap")) {
    checks.problem("ids", "newuidmap or newgidmap is not on PATH: only root's files can be unpacked",
                   "apt install uidmap");
    return;
  }
  const auto least = std::min(facts.subordinate_uids, facts.subordinate_gids);
  if (least == 0)
    checks.problem("ids", fmt::format("{} has no range in /etc/subuid or /etc/subgid", facts.user),
                   fmt::format("usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}", facts.user));
  else if (least < kUsualSubordinateIds)
    checks.warning("ids",
                   fmt::format("{} has {} subordinate ids, images may use {}", facts.user, least, kUsualSubordinateIds),
                   "make the ranges of /etc/subuid and /etc/subgid larger");
  else
    checks.ok("ids", fmt::format("{} subordinate ids for {}", least, facts.user));
}

void check_sandbox(const HostFacts& facts, Checks& checks) {
  if (facts.overlay.works)
    checks.ok("overlay", facts.overlay.text);
  else
    checks.problem("overlay", facts.overlay.text, "");
  if (facts.sandbox.works)
    checks.ok("sandbox", facts.sandbox.text);
  else
    checks.problem("sandbox", facts.sandbox.text, "");
  if (facts.seccomp_filter)
    checks.ok("seccomp", "filters are available");
  else
    checks.problem("seccomp", "the kernel has no seccomp filters", "boot a kernel with CONFIG_SECCOMP_FILTER");
}

void check_cgroups(const HostFacts& facts, Checks& checks) {
  if (facts.limits.works) {
    checks.ok("cgroups", facts.limits.text);
    return;
  }
  switch (facts.cgroups) {
    case HostFacts::Cgroups::none:
      checks.warning("cgroups", "no limits: no cgroup file system", "mount cgroup2 at /sys/fs/cgroup");
      return;
    case HostFacts::Cgroups::v1:
    case HostFacts::Cgroups::hybrid:
      checks.warning("cgroups", facts.limits.text, "boot with systemd.unified_cgroup_hierarchy=1");
      return;
    case HostFacts::Cgroups::v2:
      checks.warning("cgroups", facts.limits.text, "Delegate=yes in the runner's systemd unit");
  }
}

void check_network(const HostFacts& facts, Checks& checks) {
  if (!facts.network.works)
    checks.problem("network", facts.network.text, "");
  else if (!facts.network_own && facts.network_choice == NetworkChoice::automatic)
    checks.warning("network", "jobs share the host's: " + facts.network.text,
                   facts.programs.contains("pasta") || facts.programs.contains("slirp4netns")
                       ? "modprobe tun, and let the runner's user open /dev/net/tun"
                       : "apt install passt");
  else if (!facts.network_names)
    checks.warning(
        "network", facts.network.text + ": no name server answers from in there",
        "see that the first nameserver of /etc/resolv.conf answers on the host, or set sandbox: {network: host}");
  else
    checks.ok("network", facts.network.text);
}

void check_store(const HostFacts& facts, Checks& checks) {
  if (!facts.store_writable.works) {
    checks.problem("store", fmt::format("{}: {}", facts.store, facts.store_writable.text),
                   fmt::format("make it writable for {}, or set 'store:'", facts.user));
    return;
  }
  const std::string text = fmt::format("{}, {} free{}", facts.store, human_bytes(facts.store_free_bytes),
                                       facts.store_writable.text.empty() ? "" : " (" + facts.store_writable.text + ")");
  if (facts.store_free_bytes < kLeastBytes)
    checks.problem("store", text, "scangate image prune, or a larger disk");
  else if (facts.store_free_bytes < kComfortableBytes)
    checks.warning("store", text, "scangate image prune, or a larger disk");
  else
    checks.ok("store", text);
}

void check_gate(const HostFacts& facts, Diagnosis& out, Checks& checks) {
  checks.ok("config", facts.config_file.empty() ? "built-in settings" : facts.config_file);
  if (facts.enforce == Enforce::strict)
    checks.ok("enforce", "strict: what the policy stops stays here");
  else
    checks.warning("enforce",
                   facts.enforce == Enforce::observe ? "observe: images are scanned, none is stopped"
                                                     : "off: images are not scanned",
                   "set 'enforce: strict'");
  out.policy_invalid = !facts.policy.works;
  if (facts.policy.works)
    checks.ok("policy", facts.policy.text);
  else
    checks.problem("policy", facts.policy.text, "");

  const std::string import = "scangate db import with OSV exports";
  if (!facts.advisories.works) {
    checks.problem("advisories", facts.advisories.text, "");
  } else if (facts.advisory_records == 0) {
    checks.problem("advisories", facts.database + " is empty: every scan is undecided", import);
  } else {
    const std::string what = fmt::format("{} records of {} ecosystems", facts.advisory_records, facts.advisory_sources);
    if (!facts.advisory_newest) {
      checks.warning("advisories", what + ", of unknown age", import);
    } else {
      const auto age = std::chrono::floor<std::chrono::days>(facts.now - *facts.advisory_newest);
      const std::string text =
          fmt::format("{}, the newest of {}", what, format_rfc3339(*facts.advisory_newest).substr(0, 10));
      if (age > kFreshAdvisories)
        checks.warning("advisories", fmt::format("{}, {} days old", text, age.count()), import);
      else
        checks.ok("advisories", text);
    }
  }
}

void check_shim(const HostFacts& facts, Checks& checks) {
  const std::string again = "install scangate again, or set 'shim:'";
  switch (facts.shim_kind) {
    case ShimKind::static_program:
      checks.ok("shim", facts.shim);
      return;
    case ShimKind::missing:
      checks.problem("shim", facts.shim + " cannot be read", again);
      return;
    case ShimKind::not_executable:
      checks.problem("shim", facts.shim + " is not executable", "chmod 755 " + facts.shim);
      return;
    case ShimKind::dynamic:
      checks.problem("shim", facts.shim + " needs shared libraries, which images may lack", again);
      return;
    case ShimKind::not_a_program:
      break;
  }
  checks.problem("shim", facts.shim + " is no program of this kind of machine", again);
}

// 200 and 401 are what the distribution-spec has for "/v2/"; other answers come from something else at that address.
bool reached(const RegistryAnswer& answer) {
  return answer.status == 200 || answer.status == 401;
}

void check_registries(const HostFacts& facts, Checks& checks) {
  if (facts.registries.empty()) checks.ok("registry", "none configured");
  for (const auto& answer : facts.registries) {
    if (reached(answer))
      checks.ok("registry", fmt::format("{} answers", answer.host));
    else if (answer.status != 0)
      checks.warning("registry", fmt::format("{} answers {} to {}", answer.host, answer.status, answer.url),
                     "check host and port; a registry answers 200 or 401 there");
    else
      checks.warning("registry", fmt::format("{}: {}", answer.host, answer.error),
                     "check name, firewall, proxy variables and 'ca_file:'");
  }
  if (facts.certificates)
    checks.ok("certificates", "/etc/ssl/certs/ca-certificates.crt");
  else
    checks.warning("certificates", "the system has no bundle of authorities: registries cannot be verified",
                   "apt install ca-certificates");
}

void check_runner(const HostFacts& facts, Checks& checks) {
  if (facts.programs.contains("git"))
    checks.ok("git", facts.programs.at("git"));
  else
    checks.problem("git", "not on PATH: jobs cannot get their sources", "apt install git");
  if (facts.programs.contains("git-lfs"))
    checks.ok("git-lfs", facts.programs.at("git-lfs"));
  else
    checks.warning("git-lfs", "not on PATH: projects with LFS files get pointers instead", "apt install git-lfs");
  if (facts.programs.contains("gitlab-runner"))
    checks.ok("gitlab-runner", facts.programs.at("gitlab-runner"));
  else
    checks.warning("gitlab-runner", "not on PATH: it starts the jobs and brings their caches and artifacts",
                   "install it as docs.gitlab.com/runner/install says");

  const std::string subject = "runner config";
  const ConfiguredRunner* ours = nullptr;
  for (const auto& runner : facts.runners)
    if (ours == nullptr && runner.calls_scangate()) ours = &runner;
  if (!facts.runner_config_error.empty())
    checks.problem(subject, facts.runner_config_error, "");
  else if (!facts.runner_config_there)
    checks.warning(
        subject, facts.runner_config.empty() ? "no config.toml: no home folder" : facts.runner_config + " is not there",
        "scangate register");
  else if (ours == nullptr)
    checks.warning(subject, facts.runner_config + " has no runner that calls scangate", "scangate register");
  else if (ours->executor != "custom")
    checks.problem(subject,
                   fmt::format("{}:{}: runner '{}' has scangate's section but executor '{}'", facts.runner_config,
                               ours->line, ours->name, ours->executor),
                   "scangate register --runner NAME");
  else if (!facts.runner_program_there)
    checks.problem(subject,
                   fmt::format("{}:{}: runner '{}' calls {}, which cannot be run", facts.runner_config, ours->line,
                               ours->name, ours->run_exec),
                   "scangate register with the installed program");
  else if (ours->run_exec != facts.program)
    checks.warning(subject,
                   fmt::format("{}:{}: runner '{}' calls {}, not this {}", facts.runner_config, ours->line, ours->name,
                               ours->run_exec, facts.program),
                   "scangate register");
  else
    checks.ok(subject, fmt::format("{}:{}: runner '{}'", facts.runner_config, ours->line, ours->name));
}

}  // namespace

std::string_view health_name(Health health) {
  switch (health) {
    case Health::ok:
      return "ok";
    case Health::warning:
      return "warning";
    case Health::problem:
      break;
  }
  return "problem";
}

bool Diagnosis::has_problem() const {
  return std::any_of(checks.begin(), checks.end(), [](const Check& check) { return check.health == Health::problem; });
}

Diagnosis diagnose(const HostFacts& facts) {
  Diagnosis out;
  Checks checks(out);
  check_kernel(facts, checks);
  check_namespaces(facts, checks);
  check_subordinate_ids(facts, checks);
  check_sandbox(facts, checks);
  check_cgroups(facts, checks);
  check_network(facts, checks);
  check_gate(facts, out, checks);
  check_store(facts, checks);
  check_shim(facts, checks);
  check_registries(facts, checks);
  check_runner(facts, checks);
  return out;
}

std::string diagnosis_text(const Diagnosis& diagnosis) {
  std::string out;
  std::size_t warnings = 0;
  std::size_t problems = 0;
  for (const auto& check : diagnosis.checks) {
    warnings += check.health == Health::warning ? 1 : 0;
    problems += check.health == Health::problem ? 1 : 0;
    out += fmt::format("{:<8} {:<14} {}{}\n", health_name(check.health), check.subject, check.text,
                       check.remedy.empty() ? "" : " (" + check.remedy + ")");
  }
  return out + fmt::format("{} checks: {} problem{}, {} warning{}\n", diagnosis.checks.size(), problems,
                           problems == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

std::string diagnosis_json(const Diagnosis& diagnosis) {
  Health worst = Health::ok;
  auto checks = nlohmann::ordered_json::array();
  for (const auto& check : diagnosis.checks) {
    worst = std::max(worst, check.health);
    checks.push_back({{"subject", check.subject},
                      {"health", health_name(check.health)},
                      {"text", check.text},
                      {"remedy", check.remedy}});
  }
  nlohmann::ordered_json out;
  out["version"] = 1;
  out["result"] = health_name(worst);
  out["checks"] = std::move(checks);
  return dump_json(out, 2) + "\n";
}

}  // namespace scangate
