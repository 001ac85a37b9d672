#include "executor/host/diagnosis.h"

#include <gmock/gmock.h>

#include <functional>

namespace scangate {
namespace {

constexpr TimePoint kNow{std::chrono::seconds(1'790'000'000)};  // 2026-09-21

HostFacts healthy() {
  HostFacts facts;
  facts.as_root = true;
  facts.user = "root";
  facts.program = "/usr/bin/scangate";
  facts.programs = {{"newuidmap", "/usr/bin/newuidmap"},
                    {"newgidmap", "/usr/bin/newgidmap"},
                    {"git", "/usr/bin/git"},
                    {"git-lfs", "/usr/bin/git-lfs"},
                    {"gitlab-runner", "/usr/bin/gitlab-runner"}};
  facts.kernel_release = "6.1.0-28-amd64";
  facts.max_user_namespaces = 63'000;
  facts.unprivileged_namespaces = true;
  facts.seccomp_filter = true;
  facts.cgroups = HostFacts::Cgroups::v2;
  facts.limits = {true, "limits on cpu, memory, pids"};
  facts.subordinate_uids = facts.subordinate_gids = 65'536;
  facts.namespaces = {true, "root"};
  facts.overlay = {true, "overlay"};
  facts.sandbox = {true, "crun 1.8.1 as root"};
  facts.network = {true, "own, through pasta"};
  facts.network_own = true;
  facts.config_file = "/etc/scangate/config.yaml";
  facts.policy = {true, "built in"};
  facts.store = "/var/lib/scangate";
  facts.store_writable = {true, ""};
  facts.store_free_bytes = 50'000'000'000;
  facts.shim = "/usr/libexec/scangate/scangate-shim";
  facts.shim_kind = ShimKind::static_program;
  facts.certificates = true;
  facts.database = "/var/lib/scangate/advisories.db";
  facts.advisories = {true, ""};
  facts.advisory_sources = 2;
  facts.advisory_records = 1000;
  facts.advisory_newest = kNow - std::chrono::days(1);
  facts.now = kNow;
  facts.registries = {{.host = "registry.example", .url = "https://registry.example/v2/", .status = 401}};
  facts.runner_config = "/etc/gitlab-runner/config.toml";
  facts.runner_config_there = true;
  facts.runners = {{.name = "gate",
                    .executor = "custom",
                    .run_exec = "/usr/bin/scangate",
                    .run_args = {"executor", "run"},
                    .line = 7}};
  facts.runner_program_there = true;
  return facts;
}

TEST(Diagnosis, AHealthyHostIsAllGreen) {
  const auto diagnosis = diagnose(healthy());
  EXPECT_EQ(diagnosis_text(diagnosis),
            "ok       kernel         6.1.0-28-amd64\n"
            "ok       namespaces     root\n"
            "ok       ids            root: no subordinate ids needed\n"
            "ok       overlay        overlay\n"
            "ok       sandbox        crun 1.8.1 as root\n"
            "ok       seccomp        filters are available\n"
            "ok       cgroups        limits on cpu, memory, pids\n"
            "ok       network        own, through pasta\n"
            "ok       config         /etc/scangate/config.yaml\n"
            "ok       enforce        strict: what the policy stops stays here\n"
            "ok       policy         built in\n"
            "ok       advisories     1000 records of 2 ecosystems, the newest of 2026-09-20\n"
            "ok       store          /var/lib/scangate, 50.0 GB free\n"
            "ok       shim           /usr/libexec/scangate/scangate-shim\n"
            "ok       registry       registry.example answers\n"
            "ok       certificates   /etc/ssl/certs/ca-certificates.crt\n"
            "ok       git            /usr/bin/git\n"
            "ok       git-lfs        /usr/bin/git-lfs\n"
            "ok       gitlab-runner  /usr/bin/gitlab-runner\n"
            "ok       runner config  /etc/gitlab-runner/config.toml:7: runner 'gate'\n"
            "20 checks: 0 problems, 0 warnings\n");
  EXPECT_FALSE(diagnosis.has_problem());
}

TEST(Diagnosis, EachFaultIsOneLineWithItsRemedy) {
  using Change = std::function<void(HostFacts&)>;
  const auto plain = [](HostFacts& facts) {
    facts.as_root = false;
    facts.user = "ci";
  };
  const auto refused = [plain](HostFacts& facts) {
    plain(facts);
    facts.namespaces = {false, "cannot make a user namespace: Operation not permitted"};
  };
  const std::vector<std::pair<Change, std::string>> cases = {
      {[](HostFacts& f) { f.kernel_release = "5.9.16"; },
       "problem  kernel         5.9.16 (Linux 5.10 or newer is needed)"},
      {[&](HostFacts& f) { plain(f), f.kernel_release = "5.10.0-35-amd64"; },
       "problem  kernel         5.10.0-35-amd64 (Linux 5.11 or newer is needed without root)"},
      {[](HostFacts& f) { f.kernel_release = "x"; },
       "warning  kernel         'x' is no version that can be compared (Linux 5.10 or newer is needed)"},
      {[](HostFacts& f) { f.namespaces = {false, "cannot make a mount namespace: Operation not permitted"}; },
       "problem  namespaces     cannot make a mount namespace: Operation not permitted (give the runner's service "
       "CAP_SYS_ADMIN, or run it as a plain user)"},
      {[&](HostFacts& f) { refused(f), f.max_user_namespaces = 0; },
       "problem  namespaces     cannot make a user namespace: Operation not permitted (sysctl "
       "user.max_user_namespaces=15000)"},
      {[&](HostFacts& f) { refused(f), f.unprivileged_namespaces = false; },
       "problem  namespaces     cannot make a user namespace: Operation not permitted (sysctl "
       "kernel.unprivileged_userns_clone=1)"},
      {[&](HostFacts& f) { refused(f), f.apparmor_restricts_namespaces = true; },
       "problem  namespaces     cannot make a user namespace: Operation not permitted (AppArmor restricts user "
       "namespaces: give /usr/bin/scangate a profile with "
       "'userns,', see docs/install.md)"},
      {[&](HostFacts& f) { refused(f); },
       "problem  namespaces     cannot make a user namespace: Operation not permitted (allow user namespaces, or run "
       "the runner as root)"},
      {[&](HostFacts& f) { plain(f), f.programs.erase("newuidmap"); },
       "problem  ids            newuidmap or newgidmap is not on PATH: only root's files can be unpacked (apt install "
       "uidmap)"},
      {[&](HostFacts& f) { plain(f), f.subordinate_gids = 0; },
       "problem  ids            ci has no range in /etc/subuid or /etc/subgid (usermod --add-subuids 100000-165535 "
       "--add-subgids 100000-165535 ci)"},
      {[&](HostFacts& f) { plain(f), f.subordinate_uids = 1000; },
       "warning  ids            ci has 1000 subordinate ids, images may use 65536 (make the ranges of /etc/subuid and "
       "/etc/subgid larger)"},
      {[](HostFacts& f) { f.overlay = {false, "overlayfs cannot be mounted"}; },
       "problem  overlay        overlayfs cannot be mounted"},
      {[](HostFacts& f) { f.sandbox = {false, "no sandbox runtime works here (install crun)\n  while probing"}; },
       "problem  sandbox        no sandbox runtime works here (install crun)"},
      {[](HostFacts& f) { f.seccomp_filter = false; },
       "problem  seccomp        the kernel has no seccomp filters (boot a kernel with CONFIG_SECCOMP_FILTER)"},
      {[](HostFacts& f) { f.cgroups = HostFacts::Cgroups::hybrid; },
       "ok       cgroups        limits on cpu, memory, pids"},
      {[](HostFacts& f) {
         f.cgroups = HostFacts::Cgroups::hybrid;
         f.limits = {false, "no limits: the control groups of cpu, memory, pids cannot be written"};
       },
       "warning  cgroups        no limits: the control groups of cpu, memory, pids cannot be written (boot with "
       "systemd.unified_cgroup_hierarchy=1)"},
      {[](HostFacts& f) { f.cgroups = HostFacts::Cgroups::none, f.limits = {false, "no limits"}; },
       "warning  cgroups        no limits: no cgroup file system (mount cgroup2 at /sys/fs/cgroup)"},
      {[](HostFacts& f) { f.limits = {false, "limits on pids (not on cpu: its control groups cannot be written)"}; },
       "warning  cgroups        limits on pids (not on cpu: its control groups cannot be written) (Delegate=yes in the "
       "runner's systemd unit)"},
      {[](HostFacts& f) { f.network_own = false, f.network.text = "host (pasta: not installed)"; },
       "warning  network        jobs share the host's: host (pasta: not installed) (apt install passt)"},
      {[](HostFacts& f) {
         f.network_own = false, f.programs["pasta"] = "/usr/bin/pasta", f.network.text = "host (pasta: no tun)";
       },
       "warning  network        jobs share the host's: host (pasta: no tun) (modprobe tun, and let the runner's user "
       "open /dev/net/tun)"},
      {[](HostFacts& f) { f.network_own = false, f.network.text = "host", f.network_choice = NetworkChoice::host; },
       "ok       network        host"},
      {[](HostFacts& f) { f.network_names = false; },
       "warning  network        own, through pasta: no name server answers from in there (see that the first "
       "nameserver "
       "of /etc/resolv.conf answers on the host, or set sandbox: {network: host})"},
      {[](HostFacts& f) { f.network = {false, "no network of its own: pasta: not installed"}; },
       "problem  network        no network of its own: pasta: not installed"},
      {[](HostFacts& f) { f.enforce = Enforce::observe; },
       "warning  enforce        observe: images are scanned, none is stopped (set 'enforce: strict')"},
      {[](HostFacts& f) { f.enforce = Enforce::off; },
       "warning  enforce        off: images are not scanned (set 'enforce: strict')"},
      {[](HostFacts& f) { f.policy = {false, "p.yaml:1:1: unknown key 'x'"}; },
       "problem  policy         p.yaml:1:1: unknown key 'x'"},
      {[](HostFacts& f) { f.advisories = {false, "there is no advisory database"}; },
       "problem  advisories     there is no advisory database"},
      {[](HostFacts& f) { f.advisory_records = 0; },
       "problem  advisories     /var/lib/scangate/advisories.db is empty: every scan is undecided (scangate db import "
       "with OSV exports)"},
      {[](HostFacts& f) { f.advisory_newest = kNow - std::chrono::days(15); },
       "warning  advisories     1000 records of 2 ecosystems, the newest of 2026-09-06, 15 days old (scangate db "
       "import with OSV exports)"},
      {[](HostFacts& f) { f.advisory_newest.reset(); },
       "warning  advisories     1000 records of 2 ecosystems, of unknown age (scangate db import with OSV exports)"},
      {[](HostFacts& f) { f.store_writable = {false, "cannot create folder"}; },
       "problem  store          /var/lib/scangate: cannot create folder (make it writable for root, or set 'store:')"},
      {[](HostFacts& f) { f.store_free_bytes = 900'000'000; },
       "problem  store          /var/lib/scangate, 900.0 MB free (scangate image prune, or a larger disk)"},
      {[](HostFacts& f) { f.store_free_bytes = 9'000'000'000; },
       "warning  store          /var/lib/scangate, 9.0 GB free (scangate image prune, or a larger disk)"},
      {[](HostFacts& f) { f.shim_kind = ShimKind::missing; },
       "problem  shim           /usr/libexec/scangate/scangate-shim cannot be read (install scangate again, or set "
       "'shim:')"},
      {[](HostFacts& f) { f.shim_kind = ShimKind::not_executable; },
       "problem  shim           /usr/libexec/scangate/scangate-shim is not executable (chmod 755 "
       "/usr/libexec/scangate/scangate-shim)"},
      {[](HostFacts& f) { f.shim_kind = ShimKind::dynamic; },
       "problem  shim           /usr/libexec/scangate/scangate-shim needs shared libraries, which images may lack "
       "(install scangate again, or set 'shim:')"},
      {[](HostFacts& f) { f.shim_kind = ShimKind::not_a_program; },
       "problem  shim           /usr/libexec/scangate/scangate-shim is no program of this kind of machine (install "
       "scangate again, or set 'shim:')"},
      {[](HostFacts& f) { f.registries = {{.host = "r", .url = "https://r/v2/", .status = 404}}; },
       "warning  registry       r answers 404 to https://r/v2/ (check host and port; a registry answers 200 or 401 "
       "there)"},
      {[](HostFacts& f) { f.registries = {{.host = "r", .error = "no answer"}}; },
       "warning  registry       r: no answer (check name, firewall, proxy variables and 'ca_file:')"},
      {[](HostFacts& f) { f.certificates = false; },
       "warning  certificates   the system has no bundle of authorities: registries cannot be verified (apt install "
       "ca-certificates)"},
      {[](HostFacts& f) { f.programs.erase("git"); },
       "problem  git            not on PATH: jobs cannot get their sources (apt install git)"},
      {[](HostFacts& f) { f.programs.erase("git-lfs"); },
       "warning  git-lfs        not on PATH: projects with LFS files get pointers instead (apt install git-lfs)"},
      {[](HostFacts& f) { f.programs.erase("gitlab-runner"); },
       "warning  gitlab-runner  not on PATH: it starts the jobs and brings their caches and artifacts (install it as "
       "docs.gitlab.com/runner/install says)"},
      {[](HostFacts& f) { f.runner_config_there = false; },
       "warning  runner config  /etc/gitlab-runner/config.toml is not there (scangate register)"},
      {[](HostFacts& f) { f.runners.clear(); },
       "warning  runner config  /etc/gitlab-runner/config.toml has no runner that calls scangate (scangate register)"},
      {[](HostFacts& f) { f.runners[0].executor = "docker"; },
       "problem  runner config  /etc/gitlab-runner/config.toml:7: runner 'gate' has scangate's section but executor "
       "'docker' (scangate register --runner NAME)"},
      {[](HostFacts& f) { f.runner_program_there = false; },
       "problem  runner config  /etc/gitlab-runner/config.toml:7: runner 'gate' calls /usr/bin/scangate, which cannot "
       "be run (scangate register with the installed "
       "program)"},
      {[](HostFacts& f) { f.program = "/opt/scangate"; },
       "warning  runner config  /etc/gitlab-runner/config.toml:7: runner 'gate' calls /usr/bin/scangate, not this "
       "/opt/scangate (scangate register)"},
      {[](HostFacts& f) { f.runner_config_error = "config.toml:1:1: bad"; },
       "problem  runner config  config.toml:1:1: bad"},
  };
  for (const auto& [change, line] : cases) {
    HostFacts facts = healthy();
    change(facts);
    const auto diagnosis = diagnose(facts);
    EXPECT_THAT(diagnosis_text(diagnosis), testing::HasSubstr(line + "\n"));
    EXPECT_EQ(diagnosis.has_problem(), line.starts_with("problem")) << line;
  }
}

TEST(Diagnosis, APlainUserWithRangesIsFine) {
  auto facts = healthy();
  facts.as_root = false;
  facts.user = "ci";
  facts.namespaces = {true, "rootless with subordinate ids"};
  const auto text = diagnosis_text(diagnose(facts));
  EXPECT_THAT(text, testing::HasSubstr("ok       namespaces     rootless with subordinate ids\nok       ids            "
                                       "65536 subordinate ids for ci\n"));
  EXPECT_THAT(text, testing::HasSubstr("20 checks: 0 problems, 0 warnings\n"));
}

TEST(Diagnosis, ABadPolicyIsAFaultOfTheConfiguration) {
  auto facts = healthy();
  facts.policy = {false, "bad"};
  EXPECT_TRUE(diagnose(facts).policy_invalid);
  EXPECT_FALSE(diagnose(healthy()).policy_invalid);
}

TEST(Diagnosis, JsonSaysTheSame) {
  Diagnosis diagnosis;
  diagnosis.checks = {{"kernel", Health::ok, "6.1", ""}, {"git", Health::warning, "not \"there\"", "install"}};
  EXPECT_EQ(diagnosis_json(diagnosis),
            "{\n  \"version\": 1,\n  \"result\": \"warning\",\n  \"checks\": [\n    {\n      \"subject\": "
            "\"kernel\",\n      \"health\": \"ok\",\n"
            "      \"text\": \"6.1\",\n      \"remedy\": \"\"\n    },\n    {\n      \"subject\": \"git\",\n      "
            "\"health\": \"warning\",\n"
            "      \"text\": \"not \\\"there\\\"\",\n      \"remedy\": \"install\"\n    }\n  ]\n}\n");
}

TEST(Diagnosis, WhatOthersSayCannotForgeALine) {
  auto facts = healthy();
  facts.registries = {{.host = "r\nok       evil", .error = "x\x1b[2J"}};
  const auto text = diagnosis_text(diagnose(facts));
  EXPECT_EQ(text.find("\nok       evil"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace scangate
