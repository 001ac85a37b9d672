// What a build step asks of its sandbox: files in memory, sizes, limits.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/text.h"
#include "pipeline/sandbox/bundle.h"
#include "test_root.h"

namespace scangate {
namespace {

class StepLimitsTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    make_sandbox({});
  }
  void make_sandbox(const SandboxLimits& limits) {
    auto sandbox =
        probe_sandbox({.runtime = GetParam(), .state_folder = folder_.path() / "state", .limits = limits}, runner_);
    if (!sandbox) GTEST_SKIP() << sandbox.error().text();
    sandbox_ = std::move(*sandbox);
  }
  SandboxSpec shell(std::string script) {
    SandboxSpec out;
    out.root = root_;
    out.argv = {"sh", "-c", std::move(script)};
    out.environment = {kTestPath};
    out.mounts = {{.source = "/usr", .target = "/usr"}};
    out.report = &report_;
    return out;
  }
  std::string said_by(const SandboxSpec& spec) {
    std::string said;
    const auto exit = sandbox_->run(spec, Cancel(), [&](Stream, std::string_view text) { said += text; });
    return exit ? said + fmt::format("exit {}\n", exit->shell_code()) : exit.error().text();
  }
  SystemProcessRunner runner_;
  TempDir folder_ = make_test_folder();
  std::filesystem::path root_ = make_test_root(folder_.path());
  std::unique_ptr<Sandbox> sandbox_;
  SandboxReport report_;
};

INSTANTIATE_TEST_SUITE_P(Runtimes, StepLimitsTest, testing::Values("crun", "runc", "bubblewrap"),
                         [](const auto& one) { return one.param; });

TEST_P(StepLimitsTest, FilesAreThereAndOnNoDisk) {
  auto spec = shell("cat /etc/token; stat -c '%a %u' /etc/token; (echo no > /etc/token) 2> /dev/null; stat -f -c %T /etc/token");
  std::ofstream(root_ / "etc/token").flush();
  spec.files = {{.target = "/etc/token", .content = "secret\n", .mode = 0400}};
  const std::string said = said_by(spec);
  EXPECT_EQ(said.substr(0, said.find("400 0\n") + 6), "secret\n400 0\n") << said;
  EXPECT_NE(said.find("tmpfs\nexit 0\n"), std::string::npos) << said;
  EXPECT_EQ(read_file(root_ / "etc/token", 100).value(), "");
}

TEST_P(StepLimitsTest, FilesHaveTheirOwners) {
  if (GetParam() == "bubblewrap") GTEST_SKIP() << "bubblewrap runs as root only";
  std::ofstream(root_ / "etc/token").flush();
  auto spec = shell("cat /etc/token; stat -c '%a %u %g' /etc/token");
  spec.files = {{.target = "/etc/token", .content = "mine\n", .uid = 1000, .gid = 50, .mode = 0440}};
  spec.uid = 1000;
  EXPECT_EQ(said_by(spec), "mine\n440 1000 50\nexit 0\n");
}

TEST_P(StepLimitsTest, MoreThanTheTmpfsHoldsIsRefused) {
  auto spec = shell("true");
  spec.files = {{.target = "/etc/token", .content = std::string(kMaxSandboxFileBytes + 1, 'x')}};
  EXPECT_EQ(said_by(spec), "the files in memory for one run exceed 8388608 bytes");
}

TEST_P(StepLimitsTest, SizesOfFileSystemsInMemory) {
  auto spec = shell("df -k /data /dev/shm | tail -n +2 | tr -s ' ' | cut -d' ' -f2");
  spec.mounts.push_back({.source = {}, .target = "/data", .read_only = false, .size_bytes = 1U << 20U});
  spec.shared_memory_bytes = 2U << 20U;
  EXPECT_EQ(said_by(spec), "1024\n2048\nexit 0\n");
}

TEST_P(StepLimitsTest, ResourceLimitsAreLoweredAndNeverRaised) {
  auto spec = shell("ulimit -Sn; ulimit -Hn; ulimit -Sc");
  struct rlimit own{};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &own), 0);
  spec.resource_limits = {{"nofile", 100, 200}, {"core", kUnlimited, kUnlimited}};
  EXPECT_EQ(said_by(spec), fmt::format("100\n200\n{}\nexit 0\n",
                                       own.rlim_max == RLIM_INFINITY ? "unlimited" : std::to_string(own.rlim_max)));
}

TEST_P(StepLimitsTest, AMemoryLimitOfTheStepIsTold) {
  auto spec = shell("perl -e '$x = \"a\" x (200 * 1024 * 1024); print length $x'; echo ended $?");
  spec.limits.memory_bytes = 64U << 20U;
  const std::string said = said_by(spec);
  if (!report_.not_limited.empty()) GTEST_SKIP() << "control groups cannot be written here";
  EXPECT_EQ(said.find("209715200"), std::string::npos) << said;
  EXPECT_EQ(report_.memory_exceeded_bytes, 64U << 20U);
  EXPECT_FALSE(report_.host_limits_instead);
}

TEST_P(StepLimitsTest, TheHostsLimitsAreNotLeftForOnesOwn) {
  make_sandbox({.processes = 500});
  auto spec = shell("true");
  spec.limits.memory_bytes = 1U << 30U;
  EXPECT_EQ(said_by(spec), "exit 0\n");
  EXPECT_TRUE(report_.host_limits_instead);
}

TEST(ResourceLimits, AreKnownByName) {
  EXPECT_TRUE(is_resource_limit("nofile"));
  EXPECT_FALSE(is_resource_limit("NOFILE"));
  EXPECT_FALSE(is_resource_limit("files"));
}

}  // namespace
}  // namespace scangate
