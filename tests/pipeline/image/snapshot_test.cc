#include "pipeline/image/snapshot.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <algorithm>

#include "tests/pipeline/image/support.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;
using test::pax_record;
using test::raw_entry;
using test::raw_tar;
using test::RawEntry;
using test::RecordingSink;
using testing::ElementsAre;
using testing::HasSubstr;

class Lines final : public Progress {
 public:
  void line(Level level, std::string_view text) override {
    if (level == Level::warning) warnings.emplace_back(text);
  }
  void bytes(std::string_view, std::uint64_t, std::uint64_t) override {}
  void output(std::string_view, std::string_view) override {}
  std::vector<std::string> warnings;
};

class SnapshotTest : public test::StoreTest {
 protected:
  void SetUp() override {
    // Mounts of a test that crashes vanish with its process.
    if (unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "no mount namespace: " << std::strerror(errno);
    ASSERT_EQ(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    StoreTest::SetUp();
    auto probed = Snapshots::probe(store_);
    if (!probed) GTEST_SKIP() << probed.error().text();
    snapshots_.emplace(std::move(*probed));
  }
  void TearDown() override {
    if (!snapshots_) return;
    const std::string mounts = read_file("/proc/self/mounts", 1U << 20U).value_or("");
    EXPECT_THAT(mounts, testing::Not(HasSubstr(folder().string())));
  }

  DiffId layer(const std::vector<RawEntry>& entries) { return put_layer(raw_tar(entries)).diff_id; }
  Result<Workspace> mount_layers(const std::vector<DiffId>& diff_ids) {
    return snapshots_->mount(diff_ids, Cancel(), progress_);
  }
  // "name kind content" of everything below, sorted; symlinks with their target.
  static std::vector<std::string> tree(const fs::path& root) {
    std::vector<std::string> out;
    for (const auto& item : fs::recursive_directory_iterator(root)) {
      const std::string name = item.path().lexically_relative(root);
      const auto type = item.symlink_status().type();
      if (type == fs::file_type::symlink)
        out.push_back(name + " -> " + fs::read_symlink(item.path()).string());
      else if (type == fs::file_type::directory)
        out.push_back(name + "/");
      else if (type == fs::file_type::regular)
        out.push_back(name + "=" + read_file(item.path(), 1U << 20U).value_or("?"));
      else
        out.push_back(name + " special");
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  static void write(const fs::path& path, std::string_view text) {
    EXPECT_TRUE(write_file_atomic(path, as_bytes(text))) << path;
  }
  static struct stat stat_of(const fs::path& path) {
    struct stat status{};
    EXPECT_EQ(lstat(path.c_str(), &status), 0) << path;
    return status;
  }
  // Commits and gives what is in the new layer.
  std::vector<std::string> commit(Workspace& workspace, std::optional<DiffId>* diff_id = nullptr,
                                  const LayerOptions& options = {}) {
    RecordingSink tee;
    auto layer = workspace.commit(options, {&tee}, Cancel());
    EXPECT_TRUE(layer) << layer.error().text();
    if (!layer || !*layer) return {"no layer"};
    if (diff_id != nullptr) *diff_id = (*layer)->diff_id;
    RecordingSink stored;
    EXPECT_TRUE(stored_layer(*store_, (*layer)->blob, (*layer)->diff_id)->read(stored));
    EXPECT_EQ(stored.lines, tee.lines);
    return tee.lines;
  }
  // The entries' paths alone.
  static std::vector<std::string> paths(std::vector<std::string> lines) {
    for (std::string& line : lines) {
      const std::size_t from = line.find(' ') + 1;
      line = line.substr(from, line.find(' ', from) - from);
    }
    return lines;
  }

  std::optional<Snapshots> snapshots_;
  Lines progress_;
};

TEST_F(SnapshotTest, LayersShowAsOneTree) {
  if (!test::may_chown(folder())) GTEST_SKIP() << "this user namespace maps one id only";
  const DiffId base = layer({{.name = "etc", .type = '5', .mode = 0755, .mtime = 100},
                             {.name = "etc/a", .content = "old", .mtime = 5},
                             {.name = "etc/b", .content = "b"},
                             {.name = "dir", .type = '5', .mode = 01777},
                             {.name = "dir/x", .content = "x"},
                             {.name = "link", .type = '2', .link = "/etc/a"}});
  const DiffId upper = layer({{.name = "etc/a", .content = "new", .mode = 04755, .mtime = 7, .uid = 3, .gid = 4},
                              {.name = "etc/.wh.b"},
                              {.name = "dir/.wh..wh..opq"},
                              {.name = "dir/y", .content = "y"},
                              {.name = "hard", .type = '1', .link = "etc/a"}});
  auto workspace = mount_layers({base, upper});
  ASSERT_TRUE(workspace) << workspace.error().text();
  const fs::path& root = workspace->root();
  EXPECT_THAT(tree(root), ElementsAre("dir/", "dir/y=y", "etc/", "etc/a=new", "hard=new", "link -> /etc/a"));
  const struct stat changed = stat_of(root / "etc/a");
  EXPECT_EQ(changed.st_mode & 07777U, 04755U);
  EXPECT_EQ(changed.st_uid, 3U);
  EXPECT_EQ(changed.st_gid, 4U);
  EXPECT_EQ(changed.st_mtim.tv_sec, 7);
  EXPECT_EQ(changed.st_nlink, 2U);
  // Directories that the upper layer does not list keep what the lower one says.
  EXPECT_EQ(stat_of(root / "dir").st_mode & 07777U, 01777U);
  EXPECT_EQ(stat_of(root / "etc").st_mtim.tv_sec, 100);
}

TEST_F(SnapshotTest, CapabilitiesAndUserAttributesAreKept) {
  if (!test::may_chown(folder())) GTEST_SKIP() << "this user namespace maps one id only";
  const std::string capability("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  const std::string tar = raw_entry({.name = "PaxHeader",
                                     .type = 'x',
                                     .content = pax_record("SCHILY.xattr.security.capability", capability) +
                                                pax_record("SCHILY.xattr.user.note", "n") +
                                                pax_record("SCHILY.xattr.trusted.overlay.opaque", "y")}) +
                          raw_tar({{.name = "ping", .content = "x", .mode = 0755, .uid = 1}});
  auto workspace = mount_layers({put_layer(tar).diff_id});
  ASSERT_TRUE(workspace) << workspace.error().text();
  char value[64];
  const ssize_t size = getxattr((workspace->root() / "ping").c_str(), "security.capability", value, sizeof value);
  ASSERT_EQ(size, 20);
  EXPECT_EQ(std::string(value, 20), capability);
  // Changing the file's mode copies it up with them.
  ASSERT_EQ(chmod((workspace->root() / "ping").c_str(), 0700), 0);
  const auto lines = commit(*workspace);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], HasSubstr("file ping 0700 1:0 @0 1 security.capability="));
  EXPECT_THAT(lines[0], testing::Not(HasSubstr("overlay")));
}

TEST_F(SnapshotTest, ChangesBecomeALayer) {
  const DiffId base = layer({{.name = "etc", .type = '5', .mode = 0755, .mtime = 100},
                             {.name = "etc/a", .content = "a"},
                             {.name = "etc/gone", .content = "g"},
                             {.name = "old", .type = '5', .mode = 0755},
                             {.name = "old/file", .content = "f"},
                             {.name = "untouched", .content = "u"}});
  auto workspace = mount_layers({base});
  ASSERT_TRUE(workspace) << workspace.error().text();
  const fs::path root = workspace->root();
  write(root / "etc/a", "A");
  fs::remove(root / "etc/gone");
  fs::remove_all(root / "old");
  fs::create_directory(root / "old");
  write(root / "old/new", "n");
  fs::create_directory(root / "fresh");
  write(root / "fresh/one", "1");
  fs::create_hard_link(root / "fresh/one", root / "fresh/two");
  fs::create_symlink("one", root / "fresh/three");
  ASSERT_EQ(mkfifo((root / "fresh/pipe").c_str(), 0600), 0);
  ASSERT_EQ(mknod((root / "fresh/socket").c_str(), S_IFSOCK | 0600, 0), 0);
  std::optional<DiffId> diff_id;
  const auto lines = commit(*workspace, &diff_id, {.clamp_mtime = TimePoint(std::chrono::seconds(1000))});
  EXPECT_THAT(
      lines, ElementsAre("dir etc 0755 0:0 @1000", "file etc/.wh.gone 0000 0:0 @0 0", "file etc/a 0644 0:0 @1000 1 'A'",
                         "dir fresh 0755 0:0 @1000", "file fresh/one 0644 0:0 @1000 1 '1'",
                         "fifo fresh/pipe 0600 0:0 @1000", "symlink fresh/three 0777 0:0 @1000 -> one",
                         "hardlink fresh/two 0644 0:0 @1000 -> fresh/one", "dir old 0755 0:0 @1000",
                         "file old/.wh..wh..opq 0000 0:0 @0 0", "file old/new 0644 0:0 @1000 1 'n'"));

  // The next step needs no unpacking, and sees what unpacking would give.
  auto next = mount_layers({base, *diff_id});
  ASSERT_TRUE(next) << next.error().text();
  const std::vector<std::string> expected = {
      "etc/",        "etc/a=A", "fresh/",    "fresh/one=1", "fresh/pipe special", "fresh/three -> one",
      "fresh/two=1", "old/",    "old/new=n", "untouched=u"};
  EXPECT_EQ(tree(next->root()), expected);
  EXPECT_EQ(stat_of(next->root() / "etc/a").st_mtim.tv_sec, 1000);
  EXPECT_EQ(stat_of(next->root() / "etc/a").st_mtim.tv_nsec, 0);
  *next = std::move(*mount_layers({}));
  EXPECT_TRUE(remove_tree(store_->root() / "snapshots"));
  EXPECT_TRUE(make_directories(store_->root() / "snapshots"));
  auto again = mount_layers({base, *diff_id});
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(tree(again->root()), expected);
}

TEST_F(SnapshotTest, NothingChangedGivesNoLayer) {
  const DiffId base = layer({{.name = "etc", .type = '5', .mode = 0755}, {.name = "etc/a", .content = "a"}});
  auto workspace = mount_layers({base});
  ASSERT_TRUE(workspace);
  // A folder copied up and left as it was.
  const struct stat before = stat_of(workspace->root() / "etc");
  write(workspace->root() / "etc/t", "t");
  fs::remove(workspace->root() / "etc/t");
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, (workspace->root() / "etc").c_str(), times, 0), 0);
  EXPECT_THAT(commit(*workspace), ElementsAre("no layer"));
}

TEST_F(SnapshotTest, RootAttributesAreKeptAndTheirChangeIsALayer) {
  const DiffId base = layer({{.name = "./", .type = '5', .mode = 0711, .mtime = 44}, {.name = "a"}});
  const DiffId more = layer({{.name = "b"}});
  {
    auto workspace = mount_layers({base, more});
    ASSERT_TRUE(workspace);
    EXPECT_EQ(stat_of(workspace->root()).st_mode & 07777U, 0711U);
    EXPECT_EQ(stat_of(workspace->root()).st_mtim.tv_sec, 44);
  }
  auto workspace = mount_layers({base, more});
  ASSERT_TRUE(workspace);
  ASSERT_EQ(chmod(workspace->root().c_str(), 0755), 0);
  const auto lines = commit(*workspace);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], testing::StartsWith("dir  0755 0:0 @"));
}

TEST_F(SnapshotTest, MountPointsLeaveNoTrace) {
  const DiffId base = layer({{.name = "etc", .type = '5', .mode = 0755, .mtime = 100},
                             {.name = "etc/resolv.conf", .type = '2', .link = "../run/systemd/resolve/stub.conf"},
                             {.name = "etc/hosts", .content = "127.0.0.1"},
                             {.name = "run", .type = '5', .mode = 0755, .mtime = 200}});
  auto workspace = mount_layers({base});
  ASSERT_TRUE(workspace);
  const fs::path root = workspace->root();
  EXPECT_TRUE(workspace->add_mount_point("/etc/hosts", Workspace::PointKind::file));
  EXPECT_TRUE(workspace->add_mount_point("/etc/hostname", Workspace::PointKind::file));
  EXPECT_TRUE(workspace->add_mount_point("/etc/resolv.conf", Workspace::PointKind::file));
  EXPECT_TRUE(workspace->add_mount_point("/proc", Workspace::PointKind::directory));
  EXPECT_TRUE(workspace->add_mount_point("/var/cache/apt", Workspace::PointKind::directory));
  EXPECT_TRUE(fs::exists(root / "run/systemd/resolve/stub.conf"));
  EXPECT_TRUE(fs::is_directory(root / "proc"));
  EXPECT_THAT(commit(*workspace), ElementsAre("no layer"));
}

TEST_F(SnapshotTest, MountPointsLeaveTheStepsOwnChanges) {
  const DiffId base = layer({{.name = "etc", .type = '5', .mode = 0755, .mtime = 100}});
  auto workspace = mount_layers({base});
  ASSERT_TRUE(workspace);
  EXPECT_TRUE(workspace->add_mount_point("/etc/hostname", Workspace::PointKind::file));
  EXPECT_TRUE(workspace->add_mount_point("/cache", Workspace::PointKind::directory));
  write(workspace->root() / "etc/mine", "m");
  write(workspace->root() / "cache/kept", "k");
  EXPECT_THAT(paths(commit(*workspace)), ElementsAre("cache", "cache/kept", "etc", "etc/mine"));
}

TEST_F(SnapshotTest, MountPointOfTheWrongKindIsRefused) {
  const DiffId base = layer({{.name = "etc", .type = '5', .mode = 0755}, {.name = "file", .content = "f"}});
  auto workspace = mount_layers({base});
  ASSERT_TRUE(workspace);
  const auto as_file = workspace->add_mount_point("/etc", Workspace::PointKind::file);
  ASSERT_FALSE(as_file);
  EXPECT_EQ(as_file.error().text(), "'/etc' cannot be a mount point: it is a folder in the image");
  const auto below_file = workspace->add_mount_point("/file/x", Workspace::PointKind::file);
  ASSERT_FALSE(below_file);
  EXPECT_EQ(below_file.error().text(), "'/file/x' cannot be a mount point: '/file' is no folder");
}

TEST_F(SnapshotTest, NothingIsWrittenOutsideTheSnapshot) {
  const fs::path victim = folder() / "victim";
  fs::create_directory(victim);
  write(victim / "secret", "s");
  const std::vector<std::vector<RawEntry>> attacks = {
      {{.name = "out", .type = '2', .link = victim}, {.name = "out/pwned", .content = "p"}},
      {{.name = "up", .type = '2', .link = "../../../../../../../../" + victim.string()},
       {.name = "up/pwned", .content = "p"}},
      {{.name = "d", .type = '5', .mode = 0755},
       {.name = "d/out", .type = '2', .link = victim},
       {.name = "d/out/.wh.secret"}},
      {{.name = "link", .type = '2', .link = victim / "secret"}, {.name = "link", .content = "overwritten"}},
      {{.name = "out", .type = '2', .link = victim}, {.name = "hard", .type = '1', .link = "out/secret"}},
      {{.name = "out", .type = '2', .link = victim}, {.name = "out", .type = '5', .mode = 0700}},
      {{.name = "self", .type = '2', .link = "self"}, {.name = "self/x", .content = "p"}},
  };
  for (std::size_t i = 0; i < attacks.size(); ++i) {
    // Some are refused, some stay inside; none touches the victim.
    static_cast<void>(mount_layers({layer(attacks[i])}));
    EXPECT_THAT(tree(victim), ElementsAre("secret=s")) << i;
    EXPECT_EQ(stat_of(victim).st_mode & 0777U, 0755U) << i;
    EXPECT_EQ(stat_of(victim / "secret").st_nlink, 1U) << i;
  }
}

TEST_F(SnapshotTest, FilesBelowSymlinksOfLowerLayersGoWhereTheyLead) {
  const DiffId base = layer({{.name = "usr", .type = '5', .mode = 0755},
                             {.name = "usr/lib", .type = '5', .mode = 0750, .mtime = 9},
                             {.name = "lib", .type = '2', .link = "usr/lib"}});
  const DiffId upper = layer({{.name = "lib/new/file", .content = "n"}});
  auto workspace = mount_layers({base, upper});
  ASSERT_TRUE(workspace) << workspace.error().text();
  EXPECT_THAT(tree(workspace->root()),
              ElementsAre("lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/new/", "usr/lib/new/file=n"));
  EXPECT_EQ(stat_of(workspace->root() / "usr/lib").st_mode & 07777U, 0750U);
}

TEST_F(SnapshotTest, WhiteoutsCountForLowerLayersOnly) {
  const DiffId base = layer({{.name = "d", .type = '5', .mode = 0755},
                             {.name = "d/low"},
                             {.name = "f", .content = "low"},
                             {.name = "e", .type = '5', .mode = 0755},
                             {.name = "e/low"}});
  const DiffId upper = layer({{.name = ".wh.d"},
                              {.name = "d", .type = '5', .mode = 0755},
                              {.name = "d/high"},
                              {.name = "f", .content = "high"},
                              {.name = ".wh.f"},
                              {.name = "e", .type = '5', .mode = 0755},
                              {.name = "e/high"},
                              {.name = ".wh.e"},
                              {.name = ".wh..wh.plnk"},
                              {.name = ".wh.never"}});
  auto workspace = mount_layers({base, upper});
  ASSERT_TRUE(workspace) << workspace.error().text();
  EXPECT_THAT(tree(workspace->root()), ElementsAre("d/", "d/high=", "e/", "e/high=", "f=high"));
}

TEST_F(SnapshotTest, OpaqueRootHidesEverythingBelow) {
  const DiffId base = layer({{.name = "a"}, {.name = "b", .type = '5', .mode = 0755}, {.name = "b/x"}});
  const DiffId upper = layer({{.name = ".wh..wh..opq"}, {.name = "b", .type = '5', .mode = 0755}, {.name = "c"}});
  auto workspace = mount_layers({base, upper});
  ASSERT_TRUE(workspace) << workspace.error().text();
  EXPECT_THAT(tree(workspace->root()), ElementsAre("b/", "c="));
}

TEST_F(SnapshotTest, LaterEntriesReplaceEarlierOnes) {
  auto workspace = mount_layers({layer({{.name = "a", .type = '5', .mode = 0755},
                                        {.name = "a/b", .content = "b"},
                                        {.name = "a", .content = "file"},
                                        {.name = "c", .content = "c"},
                                        {.name = "c", .type = '5', .mode = 0755},
                                        {.name = "c/d", .content = "1"},
                                        {.name = "c/d", .content = "2"}})});
  ASSERT_TRUE(workspace) << workspace.error().text();
  EXPECT_THAT(tree(workspace->root()), ElementsAre("a=file", "c/", "c/d=2"));
}

TEST_F(SnapshotTest, ContradictoryEntriesAreRefused) {
  const std::pair<std::vector<RawEntry>, std::string> cases[] = {
      {{{.name = "h", .type = '1', .link = "missing"}},
       "entry 'h' is a hard link to 'missing', which is no file of the layer"},
      {{{.name = "f", .content = "x"}, {.name = "f/g", .content = "y"}},
       "entry 'f/g' lies below 'f', which is no directory"},
      {{{.name = ".wh."}}, "entry '.wh.' hides nothing that can have a name"},
      {{{.name = ".wh..."}}, "entry '.wh...' hides nothing that can have a name"},
      {{{.name = std::string(99, 'n')}, {.name = "x/" + std::string(90, 'y')}}, ""},
  };
  for (const auto& [entries, text] : cases) {
    const auto workspace = mount_layers({layer(entries)});
    EXPECT_EQ(workspace ? "" : workspace.error().cause(), text);
  }
}

TEST_F(SnapshotTest, WhiteoutDeviceInALayerIsLeftOutAndTold) {
  const DiffId base = layer({{.name = "a", .content = "a"}});
  auto workspace = mount_layers({base, layer({{.name = "a", .type = '3'}})});
  ASSERT_TRUE(workspace) << workspace.error().text();
  EXPECT_THAT(tree(workspace->root()), ElementsAre("a=a"));
  EXPECT_THAT(progress_.warnings,
              ElementsAre("device node 'a' is left out: 0:0 is the kernel's mark for a deleted file"));
}

TEST_F(SnapshotTest, DeviceNodesExistButCannotBeOpened) {
  auto workspace = mount_layers({layer({{.name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3}})});
  ASSERT_TRUE(workspace) << workspace.error().text();
  if (!progress_.warnings.empty()) GTEST_SKIP() << progress_.warnings[0];
  EXPECT_EQ(stat_of(workspace->root() / "null").st_rdev, makedev(1, 3));
  EXPECT_EQ(open((workspace->root() / "null").c_str(), O_RDONLY | O_CLOEXEC), -1);
  EXPECT_EQ(errno, EACCES);
}

TEST_F(SnapshotTest, SixtyLayersMount) {
  std::vector<DiffId> diff_ids;
  for (int i = 0; i < 60; ++i)
    diff_ids.push_back(layer({{.name = fmt::format("f{}", i), .content = "x"}}));
  auto workspace = mount_layers(diff_ids);
  ASSERT_TRUE(workspace) << workspace.error().text();
  EXPECT_EQ(tree(workspace->root()).size(), 60U);
  write(workspace->root() / "f0", "changed");
  EXPECT_THAT(paths(commit(*workspace)), ElementsAre("f0"));
}

TEST_F(SnapshotTest, ReadOnlyMountRefusesWrites) {
  for (int count : {0, 1, 2}) {
    std::vector<DiffId> diff_ids;
    for (int i = 0; i < count; ++i)
      diff_ids.push_back(layer({{.name = fmt::format("f{}", i)}}));
    auto workspace = snapshots_->mount_read_only(diff_ids, Cancel(), progress_);
    ASSERT_TRUE(workspace) << workspace.error().text();
    EXPECT_EQ(tree(workspace->root()).size(), static_cast<std::size_t>(count));
    EXPECT_EQ(open((workspace->root() / "new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644), -1);
    EXPECT_EQ(errno, EROFS);
  }
}

TEST_F(SnapshotTest, EmptyChainGivesAnEmptyRoot) {
  auto workspace = mount_layers({});
  ASSERT_TRUE(workspace) << workspace.error().text();
  EXPECT_THAT(tree(workspace->root()), ElementsAre());
  EXPECT_EQ(stat_of(workspace->root()).st_mode & 07777U, 0755U);
  write(workspace->root() / "first", "1");
  EXPECT_THAT(paths(commit(*workspace)), ElementsAre("first"));
}

TEST_F(SnapshotTest, MissingLayerAndCancelAreErrors) {
  const auto missing = mount_layers({DiffId{Digest::of("x")}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text(),
            fmt::format("layer {} is not in the store (pull, import or build the image again)", Digest::of("x").str()));
  const Cancel cancel;
  cancel.cancel();
  const auto cancelled = snapshots_->unpack({layer({{.name = "a"}})}, cancel, progress_);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().cause(), "stopped on request");
}

TEST_F(SnapshotTest, DamagedLayerLeavesNoSnapshot) {
  const WrittenLayer good = put_layer(raw_tar({{.name = "a", .content = std::string(100000, 'a')}}));
  fs::resize_file(store_->root() / "blobs/sha256" / good.blob.digest.hex(), good.blob.size_bytes / 2);
  const auto workspace = mount_layers({good.diff_id});
  ASSERT_FALSE(workspace);
  EXPECT_EQ(workspace.error().cause(), fmt::format("blob {} is damaged in the store", good.blob.digest.str()));
  EXPECT_TRUE(fs::is_empty(store_->root() / "snapshots"));
}

TEST_F(SnapshotTest, TwoProcessesUnpackTheSameLayersAtOnce) {
  std::vector<RawEntry> entries;
  for (int i = 0; i < 500; ++i)
    entries.push_back({.name = fmt::format("f{}", i), .content = "content"});
  const std::vector<DiffId> diff_ids = {layer(entries), layer({{.name = "last"}})};
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = Store::open(folder() / "store");
      NoProgress silent;
      auto snapshots = store ? Snapshots::probe(*store) : Result<Snapshots>(fail(store.error()));
      _exit(snapshots && snapshots->unpack(diff_ids, Cancel(), silent) ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  auto workspace = mount_layers(diff_ids);
  ASSERT_TRUE(workspace);
  EXPECT_EQ(tree(workspace->root()).size(), 501U);
}

// The same by a plain user's means: a user namespace with one id, where overlay's marks are user.* attributes.
TEST_F(SnapshotTest, UserNamespaceMountsAndCommits) {
  const DiffId base = layer({{.name = "d", .type = '5', .mode = 0755}, {.name = "d/x"}, {.name = "gone"}});
  const DiffId upper = layer({{.name = "d/.wh..wh..opq"}, {.name = "d/y"}});
  const uid_t user = geteuid();
  const gid_t group = getegid();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto run_inside = [&]() -> std::string {
      if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return "skip";
      const std::string uids = fmt::format("0 {} 1", user);
      const std::string gids = fmt::format("0 {} 1", group);
      for (const auto& [file, text] : {std::pair<const char*, std::string>{"/proc/self/setgroups", "deny"},
                                       {"/proc/self/uid_map", uids},
                                       {"/proc/self/gid_map", gids}}) {
        auto fd = open_file(file, O_WRONLY);
        if (!fd || !write_fd(fd->get(), as_bytes(text), file)) return "skip";
      }
      auto store = Store::open(folder() / "store");
      if (!store) return store.error().text();
      auto snapshots = Snapshots::probe(*store);
      if (!snapshots) return "skip";
      if (snapshots->mode() != SnapshotMode::overlay_rootless) return "the mode is wrong";
      NoProgress silent;
      auto workspace = snapshots->mount({base, upper}, Cancel(), silent);
      if (!workspace) return workspace.error().text();
      if (tree(workspace->root()) != std::vector<std::string>{"d/", "d/y=", "gone="}) return "the tree is wrong";
      fs::remove(workspace->root() / "gone");
      fs::remove_all(workspace->root() / "d");
      fs::create_directory(workspace->root() / "d");
      RecordingSink tee;
      auto committed = workspace->commit({}, {&tee}, Cancel());
      if (!committed) return committed.error().text();
      if (paths(tee.lines) != std::vector<std::string>{".wh.gone", "d", "d/.wh..wh..opq"}) return "the layer is wrong";
      return "";
    };
    const std::string text = run_inside();
    write(folder() / "result", text);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  const std::string result = read_file(folder() / "result", 10'000).value_or("no result");
  // What the child unpacked has other marks than ours.
  EXPECT_TRUE(remove_tree(store_->root() / "snapshots"));
  if (result == "skip") GTEST_SKIP() << "no user namespace here";
  EXPECT_EQ(result, "");
}

}  // namespace
}  // namespace scangate
