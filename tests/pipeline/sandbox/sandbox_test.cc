#include "pipeline/sandbox/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <thread>

#include "base/text.h"
#include "test_root.h"

namespace scangate {
namespace {

std::string read_link(const std::string& path) {
  std::error_code error;
  return std::filesystem::read_symlink(path, error).string();
}

struct Output {
  std::string out, err;
  ProcessRunner::OnOutput take() {
    return [this](Stream stream, std::string_view text) { (stream == Stream::out ? out : err) += text; };
  }
};

class SandboxTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root; RootlessTest covers plain users";
    auto sandbox = probe_sandbox({.runtime = GetParam(), .state_folder = folder_.path() / "state"}, runner_);
    if (!sandbox) GTEST_SKIP() << sandbox.error().text();
    sandbox_ = std::move(*sandbox);
  }

  SandboxSpec spec(std::vector<std::string> argv) const {
    SandboxSpec out;
    out.root = root_;
    out.argv = std::move(argv);
    out.environment = {kTestPath};
    out.mounts = {{.source = "/usr", .target = "/usr"}};
    return out;
  }
  SandboxSpec shell(std::string script) const { return spec({"sh", "-c", std::move(script)}); }

  // The stdout of a run that must end with 0.
  std::string said_by(const SandboxSpec& spec) {
    Output output;
    const auto exit = sandbox_->run(spec, Cancel(), output.take());
    EXPECT_TRUE(exit.has_value()) << (exit ? "" : exit.error().text());
    EXPECT_EQ(exit ? exit->shell_code() : 0, 0) << output.err;
    return output.out;
  }
  bool is_bubblewrap() const { return GetParam() == "bubblewrap"; }

  SystemProcessRunner runner_;
  TempDir folder_ = make_test_folder();
  std::filesystem::path root_ = make_test_root(folder_.path());
  std::unique_ptr<Sandbox> sandbox_;
};

INSTANTIATE_TEST_SUITE_P(Runtimes, SandboxTest, testing::Values("crun", "runc", "bubblewrap"),
                         [](const auto& one) { return one.param; });

TEST_P(SandboxTest, GivesOutputAndExitCode) {
  Output output;
  const auto exit = sandbox_->run(shell("echo out; echo err >&2; exit 7"), Cancel(), output.take());
  ASSERT_TRUE(exit) << exit.error().text();
  EXPECT_EQ(exit->shell_code(), 7);
  EXPECT_EQ(output.out, "out\n");
  EXPECT_EQ(output.err, "err\n");
}

TEST_P(SandboxTest, CountsASignalAsAShellDoes) {
  const auto exit = sandbox_->run(shell("sh -c 'kill -9 $$'"), Cancel(), {});
  ASSERT_TRUE(exit) << exit.error().text();
  EXPECT_EQ(exit->shell_code(), 137);
}

TEST_P(SandboxTest, FeedsInput) {
  auto with_input = spec({"cat"});
  with_input.input = "some text";
  EXPECT_EQ(said_by(with_input), "some text");
  EXPECT_EQ(said_by(spec({"cat"})), "");
}

TEST_P(SandboxTest, WritesToPassedDescriptors) {
  auto out = open_file(folder_.path() / "out", O_WRONLY | O_CREAT);
  auto err = open_file(folder_.path() / "err", O_WRONLY | O_CREAT);
  ASSERT_TRUE(out && err);
  auto direct = shell("echo one; echo two >&2");
  direct.stdout_fd = out->get();
  direct.stderr_fd = err->get();
  said_by(direct);
  EXPECT_EQ(read_file(folder_.path() / "out", 100).value(), "one\n");
  EXPECT_EQ(read_file(folder_.path() / "err", 100).value(), "two\n");
}

TEST_P(SandboxTest, HasNamespacesOfItsOwn) {
  for (const std::string name : {"pid", "ipc", "uts", "mnt"})
    EXPECT_NE(said_by(spec({"readlink", "/proc/self/ns/" + name})), read_link("/proc/self/ns/" + name) + "\n") << name;
  EXPECT_EQ(said_by(spec({"readlink", "/proc/self/ns/net"})), read_link("/proc/self/ns/net") + "\n");
  EXPECT_EQ(said_by(spec({"hostname"})), "scangate\n");
}

TEST_P(SandboxTest, WithoutNetworkHasOnlyLoopback) {
  auto alone = shell("tail -n +3 /proc/net/dev | cut -d: -f1");
  alone.network = Network::none;
  EXPECT_EQ(std::string(trim(said_by(alone))), "lo");
}

TEST_P(SandboxTest, HasDockersCapabilities) {
  if (is_bubblewrap()) GTEST_SKIP() << "bubblewrap keeps the bounding set and uses ambient ones";
  EXPECT_EQ(said_by(spec({"grep", "Cap", "/proc/self/status"})),
            "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"
            "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n");
}

TEST_P(SandboxTest, CannotMakeNamespacesOrMount) {
  EXPECT_EQ(said_by(shell("unshare -U true 2>&1; mount -t tmpfs x /tmp 2>&1 | grep -c 'permission denied'; true")),
            "unshare: unshare failed: Operation not permitted\n1\n");
}

TEST_P(SandboxTest, HasOnlyHarmlessDevices) {
  const std::string devices = said_by(shell("cd /dev; for f in *; do [ -c $f ] || [ -b $f ] && echo $f; done; true"));
  EXPECT_EQ(devices.find("vda"), std::string::npos);
  for (const auto* name : {"null", "zero", "full", "random", "urandom", "tty"})
    EXPECT_NE(("\n" + devices).find(fmt::format("\n{}\n", name)), std::string::npos) << name << " in " << devices;
  EXPECT_EQ(said_by(shell("echo x > /dev/null; head -c 3 /dev/zero | wc -c; test -d /dev/shm -a -d /dev/pts -a -d "
                          "/dev/mqueue -a -e /dev/ptmx -a -e /dev/fd && echo all")),
            "3\nall\n");
}

TEST_P(SandboxTest, CannotOpenADiskThroughANodeOfItsOwn) {
  for (const std::string folder : {"/dev", "/tmp", "/dev/shm"})
    EXPECT_EQ(said_by(shell("cd " + folder + " && mknod disk b 254 0 && head -c 1 disk 2>&1; true")),
              "head: cannot open 'disk' for reading: Permission denied\n")
        << folder;
}

TEST_P(SandboxTest, HidesTheKernelsSecrets) {
  EXPECT_EQ(said_by(shell("cat /proc/keys /proc/timer_list; ls /proc/acpi /sys/firmware 2>/dev/null | grep -v :")),
            "\n");
}

TEST_P(SandboxTest, CannotChangeTheKernelsSettings) {
  EXPECT_EQ(said_by(shell("(echo x > /proc/sys/kernel/hostname) 2>&1 | grep -c 'Read-only'; (echo 0 > "
                          "/sys/kernel/profiling) 2>&1 | grep -c 'Read-only'; true")),
            "1\n1\n");
}

TEST_P(SandboxTest, RunsAsTheGivenUser) {
  if (is_bubblewrap()) GTEST_SKIP() << "bubblewrap runs as root only";
  auto user = spec({"sh", "-c", "id -u; id -g; id -G; grep CapEff /proc/self/status"});
  user.uid = 1234;
  user.gid = 2345;
  user.groups = {3456};
  EXPECT_EQ(said_by(user), "1234\n2345\n2345 3456\nCapEff:\t0000000000000000\n");
}

TEST_P(SandboxTest, SetuidProgramsWorkUnlessForbidden) {
  if (is_bubblewrap()) GTEST_SKIP() << "bubblewrap always sets no_new_privs";
  std::filesystem::copy_file("/usr/bin/id", root_ / "tmp/id");
  ::chmod((root_ / "tmp/id").c_str(), 04755);
  auto user = spec({"/tmp/id", "-u"});
  user.uid = 1234;
  EXPECT_EQ(said_by(user), "0\n");
  user.no_new_privileges = true;
  EXPECT_EQ(said_by(user), "1234\n");
}

TEST_P(SandboxTest, NeverChangesLimits) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(said_by(shell("ulimit -n; ulimit -Hn")), fmt::format("{}\n{}\n", limit.rlim_cur, limit.rlim_max));
}

TEST_P(SandboxTest, MountsFoldersFilesAndTmpfs) {
  const auto folder = folder_.path() / "shared";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "file") << "content";
  std::ofstream(root_ / "etc/file") << "";
  auto with_mounts =
      shell("cat /etc/file; echo new > /data/written; (echo x > /etc/file) 2>&1 | grep -c Read-only; echo t > /tmp/x");
  with_mounts.mounts.push_back({.source = folder, .target = "/data", .read_only = false});
  with_mounts.mounts.push_back({.source = folder / "file", .target = "/etc/file"});
  with_mounts.mounts.push_back({.source = {}, .target = "/tmp", .read_only = false});
  EXPECT_EQ(said_by(with_mounts), "content1\n");
  EXPECT_EQ(read_file(folder / "written", 100).value(), "new\n");
  EXPECT_FALSE(std::filesystem::exists(root_ / "tmp/x"));
}

TEST_P(SandboxTest, LeavesNoTraceInTheRoot) {
  said_by(shell("true"));
  for (const auto* name : {"proc", "sys", "dev"})
    EXPECT_TRUE(std::filesystem::is_empty(root_ / name)) << name;
}

TEST_P(SandboxTest, RootCanBeReadOnly) {
  auto read_only = shell("(echo x > /data/file) 2>&1 | grep -c Read-only; mknod /tmp/d b 254 0 2>/dev/null; true");
  read_only.root_read_only = true;
  EXPECT_EQ(said_by(read_only), "1\n");
}

TEST_P(SandboxTest, RunsSeveralAtOnce) {
  std::array<std::string, 6> said;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < said.size(); ++i)
      threads.emplace_back(
          [&, i] { said[i] = said_by(shell(fmt::format("echo {}; cat /proc/sys/kernel/ostype", i))); });
  }
  for (std::size_t i = 0; i < said.size(); ++i)
    EXPECT_EQ(said[i], fmt::format("{}\nLinux\n", i));
}

TEST_P(SandboxTest, WhatTheProgramLeftRunningEndsWithIt) {
  const std::string marker = fmt::format("left-running-{}-{}", getpid(), GetParam());
  EXPECT_EQ(said_by(shell("sh -c 'sleep 1000; : " + marker + "' & echo up")), "up\n");
  EXPECT_TRUE(ends_everywhere(marker));
}

TEST_P(SandboxTest, CancelEndsEveryProcess) {
  const std::string marker = fmt::format("cancelled-{}-{}", getpid(), GetParam());
  const Cancel cancel;
  // The inner shell ignores SIGTERM and starts a session of its own, as a daemon does.
  const auto exit = sandbox_->run(
      shell("setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 1000; done' " + marker + " & wait; sleep 1000"),
      cancel, [&](Stream, std::string_view) { cancel.cancel(); });
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().text(), "stopped on request");
  EXPECT_TRUE(ends_everywhere(marker));
}

struct StartCase {
  std::vector<std::string> argv;
  std::string error;
  int code;
};

TEST_P(SandboxTest, TellsWhyAProgramCannotStart) {
  std::ofstream(root_ / "tmp/no-interpreter") << "#!/no/such\n";
  std::ofstream(root_ / "tmp/not-executable") << "x";
  ::chmod((root_ / "tmp/no-interpreter").c_str(), 0755);
  const std::vector<StartCase> cases = {
      {{"no-such-program"}, "cannot start 'no-such-program': executable file not found in PATH", 127},
      {{"/no/such/program"}, "cannot start '/no/such/program': no such file or directory", 127},
      {{"/tmp/no-interpreter"}, "cannot start '/tmp/no-interpreter': no such file or directory", 127},
      {{"/tmp/not-executable"}, "cannot start '/tmp/not-executable': permission denied", 126},
      {{"/tmp"}, "cannot start '/tmp': permission denied", 126},
  };
  for (const auto& one : cases) {
    Output output;
    const auto exit = sandbox_->run(spec(one.argv), Cancel(), output.take());
    ASSERT_FALSE(exit) << one.argv[0] << " ended with " << exit->shell_code();
    EXPECT_EQ(exit.error().fault(), Fault::user);
    EXPECT_EQ(exit.error().text(), one.error);
    EXPECT_EQ(start_failure_code(exit.error()), one.code);
    EXPECT_EQ(output.err, "");
  }
}

TEST_P(SandboxTest, ProgramThatSoundsLikeARuntimeIsNotMistaken) {
  Output output;
  const auto exit =
      sandbox_->run(shell("echo 'exec /bin/x: no such file or directory' >&2; exit 2"), Cancel(), output.take());
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->shell_code(), 2);
  EXPECT_EQ(output.err, "exec /bin/x: no such file or directory\n");
}

TEST_P(SandboxTest, KilledCallerLeavesNothing) {
  const std::string marker = fmt::format("killed-caller-{}-{}", getpid(), GetParam());
  const auto state = folder_.path() / "killed";
  SystemProcessRunner runner;
  const Cancel cancel;
  // The runner kills at once on cancel: SIGKILL comes right after SIGTERM, which the helper does not catch.
  const auto exit = runner.run({.argv = {SCANGATE_RUN_IN_SANDBOX, GetParam(), state.string(), root_.string(), "sh",
                                         "-c", "echo up; sh -c 'sleep 1000 " + marker + "' & sleep 1001"},
                                .environment = {kTestPath},
                                .group = Group::same,
                                .kill_after = std::chrono::milliseconds(0)},
                               cancel, [&](Stream, std::string_view) { cancel.cancel(); });
  ASSERT_FALSE(exit);
  EXPECT_TRUE(ends_everywhere(marker));
  EXPECT_TRUE(ends_everywhere(state.string()));  // the runtime itself
  EXPECT_TRUE(!std::filesystem::exists(state / "run") || std::filesystem::is_empty(state / "run"));
  EXPECT_EQ(read_file("/proc/self/mountinfo", 1U << 20U).value().find(state.string()), std::string::npos);
  for (const auto& entry : std::filesystem::recursive_directory_iterator("/sys/fs/cgroup"))
    EXPECT_NE(entry.path().filename(), "sandbox") << entry.path();
}

TEST(ProbeSandbox, UnknownRuntimeIsAUserFault) {
  SystemProcessRunner runner;
  const TempDir folder = make_test_folder();
  const auto sandbox = probe_sandbox({.runtime = "docker", .state_folder = folder.path()}, runner);
  ASSERT_FALSE(sandbox);
  EXPECT_EQ(sandbox.error().text(), "unknown sandbox runtime 'docker' (use auto, crun, runc or bubblewrap)");
}

// A runner that finds every runtime broken.
class BrokenRunner final : public ProcessRunner {
 public:
  Result<Exit> run(const Command& command, const Cancel&, const OnOutput& on_output) override {
    if (command.argv.back() == "--version") {
      on_output(Stream::out, "tool version 9\n");
      return Exit{};
    }
    on_output(Stream::err, "no way\n");
    return Exit{.code = 1};
  }
};

TEST(ProbeSandbox, NamesEveryRuntimeThatFailed) {
  BrokenRunner runner;
  const TempDir folder = make_test_folder();
  const auto sandbox = probe_sandbox({.runtime = "auto", .state_folder = folder.path()}, runner);
  ASSERT_FALSE(sandbox);
  const std::string text = sandbox.error().text();
  EXPECT_TRUE(text.starts_with("no sandbox runtime works here: crun: ")) << text;
  EXPECT_NE(text.find("runc: "), std::string::npos);
  EXPECT_NE(text.find("bubblewrap: "), std::string::npos);
  EXPECT_TRUE(text.ends_with(" (install crun or runc; as a plain user also uidmap)")) << text;
}

}  // namespace
}  // namespace scangate
