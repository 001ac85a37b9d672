#include "pipeline/sandbox/namespaces.h"

#include <gtest/gtest.h>

#include "base/process.h"
#include "base/text.h"
#include "test_root.h"

namespace scangate {
namespace {

constexpr uid_t kNobody = 65534;

struct Ran {
  Exit exit;
  std::string out, err;
};

// Runs the helper as nobody with the sandbox `runtime`; everything of the folder belongs to nobody.
Ran run_as_nobody(const std::filesystem::path& folder, const std::filesystem::path& root, const std::string& runtime,
                  const std::vector<std::string>& argv) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    EXPECT_EQ(lchown(entry.path().c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(lchown(folder.c_str(), kNobody, kNobody), 0);
  // The build folder may be closed to others.
  const auto helper = folder / "helper";
  std::filesystem::copy_file(SCANGATE_RUN_IN_SANDBOX, helper, std::filesystem::copy_options::overwrite_existing);
  Command command{.argv = {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", helper.string(),
                           runtime, (folder / "state").string(), root.string()},
                  .environment = {kTestPath}};
  command.argv.insert(command.argv.end(), argv.begin(), argv.end());
  Ran ran;
  SystemProcessRunner runner;
  const auto exit = runner.run(command, Cancel(), [&](Stream stream, std::string_view text) {
    (stream == Stream::out ? ran.out : ran.err) += text;
  });
  EXPECT_TRUE(exit) << (exit ? "" : exit.error().text());
  if (exit) ran.exit = *exit;
  return ran;
}

class RootlessTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to become a plain user";
    if (!find_program("setpriv", "/usr/bin:/bin")) GTEST_SKIP() << "needs setpriv";
    const auto ran = run_as_nobody(folder_.path(), root_, GetParam(), {"true"});
    if (ran.exit.shell_code() == 5) GTEST_SKIP() << ran.err;
  }
  TempDir folder_ = make_test_folder();
  std::filesystem::path root_ = make_test_root(folder_.path());
};

INSTANTIATE_TEST_SUITE_P(Runtimes, RootlessTest, testing::Values("crun", "runc", "bubblewrap"),
                         [](const auto& one) { return one.param; });

TEST_P(RootlessTest, PlainUserIsRootInside) {
  const auto ran =
      run_as_nobody(folder_.path(), root_, GetParam(),
                    {"sh", "-c", "id -u; echo $PRIVILEGE; echo x > /data/file; echo y >/dev/null; exit 4"});
  EXPECT_EQ(ran.exit.shell_code(), 4);
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(ran.out, "0\nrootless with a single id\n");
  struct stat facts{};
  ASSERT_EQ(lstat((root_ / "data/file").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_uid, kNobody);
}

TEST_P(RootlessTest, ProgramCannotLeaveItsNamespaces) {
  const auto ran =
      run_as_nobody(folder_.path(), root_, GetParam(),
                    {"sh", "-c", "mount -t tmpfs x /tmp; unshare -m true; ls /dev/kmsg; touch /sys/fs/cgroup/x"});
  EXPECT_NE(ran.exit.shell_code(), 0);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(ran.err.find("unshare failed: Operation not permitted"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("/dev/kmsg"), std::string::npos) << ran.err;
}

TEST_P(RootlessTest, SignalReachesTheChildAndEndsAll) {
  const std::string marker = fmt::format("rootless-signal-{}-{}", getpid(), GetParam());
  const auto helper = folder_.path() / "helper";
  SystemProcessRunner runner;
  const Cancel cancel;
  const auto exit = runner.run(
      {.argv = {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", helper.string(), GetParam(),
                (folder_.path() / "state").string(), root_.string(), "sh", "-c", "echo up; sleep 1000 # " + marker},
       .environment = {kTestPath},
       .group = Group::same},
      cancel, [&](Stream, std::string_view) { cancel.cancel(); });
  ASSERT_FALSE(exit);
  EXPECT_TRUE(ends_everywhere(marker));
}

TEST_P(RootlessTest, SubordinateIdsMapOtherUsers) {
  if (!find_program("newuidmap", "/usr/bin:/bin")) GTEST_SKIP() << "needs newuidmap";
  if (GetParam() == "bubblewrap") GTEST_SKIP() << "bubblewrap maps in its own way";
  const auto ids = folder_.path() / "subid";
  std::ofstream(ids) << "65534:200000:65536\n";
  // Mounted over the host's files in a mount namespace of the test's own.
  const std::string script = fmt::format(
      "mount --bind {0} /etc/subuid && mount --bind {0} /etc/subgid && exec setpriv --reuid 65534 --regid 65534 "
      "--clear-groups {1} {2} {3} {4} sh -c 'echo $PRIVILEGE; touch /tmp/x && chown 1000:1000 /tmp/x && stat -c %u:%g "
      "/tmp/x'",
      ids.string(), (folder_.path() / "helper").string(), GetParam(), (folder_.path() / "state").string(),
      root_.string());
  std::string said;
  SystemProcessRunner runner;
  const auto exit = runner.run({.argv = {"unshare", "-m", "sh", "-c", script}, .environment = {kTestPath}}, Cancel(),
                               [&](Stream, std::string_view text) { said += text; });
  ASSERT_TRUE(exit) << exit.error().text();
  EXPECT_EQ(said, "rootless with subordinate ids\n1000:1000\n");
  struct stat facts{};
  ASSERT_EQ(lstat((root_ / "tmp/x").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_uid, 200999U);
}

TEST(PrivilegeName, IsForPeople) {
  EXPECT_EQ(privilege_name(Privilege::root), "root");
  EXPECT_EQ(privilege_name(Privilege::rootless_range), "rootless with subordinate ids");
  EXPECT_EQ(privilege_name(Privilege::rootless_single), "rootless with a single id");
}

}  // namespace
}  // namespace scangate
