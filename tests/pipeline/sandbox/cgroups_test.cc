#include "pipeline/sandbox/cgroups.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "test_root.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;

const SandboxLimits kAll{.memory_bytes = 64U << 20U, .cpus = 1.5, .processes = 50};

std::string text_of(const fs::path& file) {
  return read_file(file, 4096).value_or("missing");
}

// A folder that looks like a mounted hierarchy. The kernel fills a new group by itself; here the files are missing, so
// making one ends at the first of them.
class CgroupTree : public testing::Test {
 protected:
  void add(const std::string& group, std::string_view controllers, std::string_view handed_down) {
    fs::create_directories(folder_.path() / group);
    std::ofstream(folder_.path() / group / "cgroup.controllers") << controllers << "\n";
    std::ofstream(folder_.path() / group / "cgroup.subtree_control") << handed_down << "\n";
  }
  TempDir folder_ = make_test_folder();
};

TEST_F(CgroupTree, WithoutLimitsNothingIsTouched) {
  Cgroups groups({}, folder_.path(), "0::/a\n");
  EXPECT_EQ(groups.description(), "no limits configured");
  const auto group = groups.make({});
  ASSERT_TRUE(group);
  EXPECT_EQ((*group)->join(), 0);
}

TEST_F(CgroupTree, ControllersThatNobodyHandsDownAreTold) {
  add("", "cpu pids", "cpu pids");
  EXPECT_EQ(Cgroups(kAll, folder_.path(), "0::/\n").description(),
            "limits on cpu, pids (not on memory: its control groups cannot be written)");
  EXPECT_EQ(Cgroups(kAll, folder_.path() / "none", "0::/\n").description(),
            "no limits: the control groups of cpu, memory, pids cannot be written");
}

TEST_F(CgroupTree, ControllersAreHandedDownWhereTheyAreNotYet) {
  add("", "memory", "");
  EXPECT_EQ(Cgroups({.memory_bytes = 1U << 20U}, folder_.path(), "0::/\n").description(), "limits on memory");
  EXPECT_EQ(text_of(folder_.path() / "cgroup.subtree_control").substr(0, 7), "+memory");
}

TEST_F(CgroupTree, GroupsOfMakersThatAreGoneAreRemoved) {
  add("", "pids", "pids");
  const fs::path old = folder_.path() / "scangate-1-1-0";  // process 1 started at another time
  const fs::path foreign = folder_.path() / "scangate-like";
  fs::create_directories(old);
  fs::create_directories(foreign);
  const Cgroups groups({.processes = 20}, folder_.path(), "0::/\n");
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(foreign));
}

TEST_F(CgroupTree, RunsAtTheSameTimeShareAGroupUnlessTheyHaveLimitsOfTheirOwn) {
  const RunLimits limits{.groups = std::make_shared<Cgroups>(SandboxLimits{}, folder_.path(), "0::/\n"),
                         .defaults = {}};
  auto first = limits.group_for({});
  auto second = limits.group_for({});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->get(), second->get());
  SandboxSpec own;
  own.limits.processes = 5;
  const auto apart = limits.group_for(own);
  ASSERT_TRUE(apart);
  EXPECT_NE(apart->get(), first->get());
  const std::weak_ptr<Cgroup> shared = *first;
  first->reset();
  EXPECT_FALSE(shared.expired());
  second->reset();
  EXPECT_TRUE(shared.expired());
  EXPECT_TRUE(limits.group_for({}));
}

// On this machine's own groups, with whatever version it has.
class LimitsTest : public testing::TestWithParam<std::string> {
 protected:
  std::string said_with(const SandboxLimits& limits, const std::string& script) {
    auto sandbox =
        probe_sandbox({.runtime = GetParam(), .state_folder = folder_.path() / "state", .limits = limits}, runner_);
    if (!sandbox) return "skip " + sandbox.error().text();
    if ((*sandbox)->description().find("limits on") == std::string::npos ||
        (*sandbox)->description().find("not on") != std::string::npos)
      return "skip " + (*sandbox)->description();
    SandboxSpec spec;
    spec.root = make_test_root(folder_.path());
    spec.argv = {"sh", "-c", script};
    spec.environment = {kTestPath};
    spec.mounts = {{.source = "/usr", .target = "/usr"}};
    std::string said;
    const auto exit = (*sandbox)->run(spec, Cancel(), [&](Stream, std::string_view text) { said += text; });
    return exit ? said + fmt::format("exit {}\n", exit->shell_code()) : exit.error().text();
  }
  SystemProcessRunner runner_;
  TempDir folder_ = make_test_folder();
};

INSTANTIATE_TEST_SUITE_P(Runtimes, LimitsTest, testing::Values("crun", "runc", "bubblewrap"),
                         [](const auto& one) { return one.param; });

TEST_P(LimitsTest, AForkBombIsHeld) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string said =
      said_with({.processes = 40}, "i=0; while [ $i -lt 100 ]; do sleep 100 & i=$((i+1)); done; echo all started");
  if (said.starts_with("skip ")) GTEST_SKIP() << said;
  EXPECT_EQ(said.find("all started"), std::string::npos) << said;
  EXPECT_NE(to_lower(said).find("fork"), std::string::npos) << said;
}

TEST_P(LimitsTest, MemoryIsHeldAndTheGroupsAreGoneAfterwards) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string said = said_with({.memory_bytes = 64U << 20U, .cpus = 1.5},
                                     "perl -e '$x = \"a\" x (300 * 1024 * 1024); print length $x'; echo ended $?");
  if (said.starts_with("skip ")) GTEST_SKIP() << said;
  EXPECT_EQ(said.find("314572800"), std::string::npos) << said;
  const std::string ours = fmt::format("scangate-{}-", getpid());
  for (const auto& entry :
       fs::recursive_directory_iterator("/sys/fs/cgroup", fs::directory_options::skip_permission_denied))
    EXPECT_FALSE(entry.path().filename().string().starts_with(ours)) << entry.path();
}

}  // namespace
}  // namespace scangate
