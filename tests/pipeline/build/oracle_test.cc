// The same Dockerfiles through buildah: files and config must agree.
#include <sys/stat.h>
#include <unistd.h>

#include "build_fixture.h"
#include "pipeline/image/transfer.h"

namespace scangate {
namespace {

class BuildahOracle : public BuildFixture {
 protected:
  void SetUp() override {
    prepare();
    if (IsSkipped() || HasFatalFailure()) return;
    if (!find_program("buildah", "/usr/bin:/usr/local/bin")) GTEST_SKIP() << "buildah is not on PATH";
  }

  int buildah(std::vector<std::string> arguments) {
    Command command;
    command.argv = {"buildah",
                    "--root",
                    (folder_->path() / "root").string(),
                    "--runroot",
                    (folder_->path() / "run").string(),
                    "--storage-driver",
                    "vfs"};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + folder_->path().string()};
    said_.clear();
    auto exit = runner_.run(command, cancel_, [&](Stream, std::string_view text) { said_ += text; });
    return exit ? exit->shell_code() : -1;
  }

  // buildah's image in our store.
  std::optional<BuiltImage> built_by_buildah(const std::string& dockerfile) {
    const auto file = folder_->path() / "oracle.Dockerfile";
    EXPECT_TRUE(write_file_atomic(file, as_bytes(dockerfile)));
    if (buildah({"bud", "--isolation", "chroot", "--layers=false", "-q", "-t", "oracle", "-f", file.string(),
                 context().string()}) != 0)
      return std::nullopt;
    if (buildah({"push", "-q", "oracle", "oci:" + (folder_->path() / "oci").string() + ":t"}) != 0) return std::nullopt;
    auto imported =
        import_image(*store_, "oci:" + (folder_->path() / "oci").string() + ":t", Platform::host(), cancel_, progress_);
    if (!imported) {
      said_ += imported.error().text();
      return std::nullopt;
    }
    BuiltImage image;
    image.manifest_digest = imported->manifest_digest;
    return image;
  }

  static std::string listing(const SeenLayer& files) {
    std::string out;
    for (const auto& [path, seen] : files) {
      const Entry& e = seen.entry;
      out += fmt::format("{} {} {:o} {}:{} {} {}\n", path, static_cast<int>(e.type), e.mode, e.uid, e.gid, e.size_bytes,
                         e.link_target);
    }
    return out;
  }

  void compare(const std::string& dockerfile) {
    const auto theirs = built_by_buildah(dockerfile);
    if (!theirs) GTEST_SKIP() << "buildah cannot build here: " << said_;
    const auto ours = built(dockerfile);
    EXPECT_EQ(listing(files(ours)), listing(files(*theirs)));
    auto expected = config(*theirs);
    expected.labels.erase("io.buildah.version");
    const auto actual = config(ours);
    EXPECT_EQ(actual.environment, expected.environment);
    EXPECT_EQ(actual.entrypoint, expected.entrypoint);
    EXPECT_EQ(actual.command, expected.command);
    EXPECT_EQ(actual.user, expected.user);
    EXPECT_EQ(actual.working_directory, expected.working_directory);
    EXPECT_EQ(actual.exposed_ports, expected.exposed_ports);
    EXPECT_EQ(actual.volumes, expected.volumes);
    EXPECT_EQ(actual.labels, expected.labels);
    EXPECT_EQ(actual.stop_signal, expected.stop_signal);
  }

  std::string said_;
};

TEST_F(BuildahOracle, CopiesAndConfigAgree) {
  write("src/a.txt", "A", 0640);
  write("src/deep/b.sh", "B", 0755);
  write("src/.hidden", "h");
  ASSERT_EQ(::symlink("a.txt", (context() / "src/link").c_str()), 0);
  write("base/etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n");
  write("base/etc/group", "root:x:0:\nstaff:x:50:app\n");
  write("base/tmp/x", "1");
  ASSERT_EQ(::chmod((context() / "base/tmp").c_str(), 01777), 0);
  write(".dockerignore", "**/.hidden\n");
  compare(
      "ARG TOP=src\nFROM scratch AS first\nCOPY base /\nCOPY src /app\nFROM first\nCOPY --chown=app:staff src/a.txt "
      "/own/\nWORKDIR "
      "/w/x\nCOPY src/*.txt ./\nCOPY --from=first /app/deep /tmp/\nENV A=1 B=\"$PATH x\" C='$A'\nENV D "
      "${A:-no}${N:-yes}\nLABEL "
      "l=v m=\"a b\"\nEXPOSE 80 53/udp\nVOLUME /data\nENTRYPOINT [\"/e\"]\nCMD c $A\nUSER app\nSTOPSIGNAL SIGINT\n");
}

}  // namespace
}  // namespace scangate
