// Builds where nothing can be mounted.
#include "build_fixture.h"

namespace scangate {
namespace {

class PlainBuild : public BuildFixture {
 protected:
  void SetUp() override {
    prepare();
    if (IsSkipped() || HasFatalFailure()) return;
    make_base("base");
    request_.no_cache = true;
    request_.source_date_epoch = TimePoint(std::chrono::seconds(1'700'000'000));
    write("a", "1");
    write("folder/b", "2", 0640);
    write("folder/deep/c", "3");
  }
};

TEST_F(PlainBuild, TheImageIsThatOfMountedRoots) {
  const char* const kFiles[] = {
      "FROM base\nCOPY a /x/\nCOPY folder /etc/\n",
      "FROM base\nCOPY --chown=app:staff --chmod=u=rwX,go= folder /home/app/\nWORKDIR /home/app/deep\n",
      "FROM base AS one\nCOPY folder /f\nFROM scratch\nCOPY --from=one /f /bin /g/\n",
      "FROM scratch AS one\nCOPY a /etc/passwd\nFROM base\nCOPY --from=one /etc/passwd /etc/\nCOPY a /tmp/../y\n",
      "FROM base\nCOPY --link --parents folder/./deep/c /z/\nUSER app\nWORKDIR /new\n",
      "FROM scratch\nCOPY --from=base / /\n",
  };
  for (const char* text : kFiles) {
    const auto mounted = built(text);
    const Snapshots before = std::exchange(*snapshots_, Snapshots::plain(store_, "for a test"));
    const auto copied = built(text);
    *snapshots_ = before;
    EXPECT_EQ(copied.manifest_digest, mounted.manifest_digest) << text;
  }
}

TEST_F(PlainBuild, RunIsRefusedWithTheReason) {
  *snapshots_ = Snapshots::plain(store_, "for a test");
  EXPECT_EQ(refusal("FROM base\nRUN x\n"), "Dockerfile:2:1: RUN needs mounts: for a test");
}

}  // namespace
}  // namespace scangate
