// What instructions make of the image's config; nothing is run.
#include "build_fixture.h"

namespace scangate {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr const char* kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

class ConfigOfBuild : public BuildFixture {};

TEST_F(ConfigOfBuild, HoldsWhatTheInstructionsSay) {
  const auto image = built(
      "FROM scratch\nENV A=1 B=\"two words\"\nENV C $A$B\nLABEL x=y\nUSER app:staff\nWORKDIR /srv\nWORKDIR sub\n"
      "EXPOSE 80 53/udp 8000-8001\nVOLUME [\"/data\"]\nENTRYPOINT [\"/e\"]\nCMD run $A\nSTOPSIGNAL SIGINT\nMAINTAINER "
      "me\n");
  const auto c = config(image);
  EXPECT_THAT(c.environment, ElementsAre(kPath, "A=1", "B=two words", "C=1two words"));
  EXPECT_THAT(c.labels, ElementsAre(Pair("x", "y")));
  EXPECT_EQ(c.user, "app:staff");
  EXPECT_EQ(c.working_directory, "/srv/sub");
  EXPECT_THAT(c.exposed_ports, ElementsAre("53/udp", "80/tcp", "8000/tcp", "8001/tcp"));
  EXPECT_THAT(c.volumes, ElementsAre("/data"));
  EXPECT_THAT(c.entrypoint, Optional(ElementsAre("/e")));
  EXPECT_THAT(c.command, Optional(ElementsAre("/bin/sh", "-c", "run $A")));
  EXPECT_EQ(c.stop_signal, "SIGINT");
  EXPECT_EQ(c.author, "me");
  ASSERT_THAT(c.history, SizeIs(13 - 1));
  EXPECT_EQ(c.history[0].created_by, "ENV A=1 B=two words");
  EXPECT_TRUE(c.history[0].empty_layer);
  EXPECT_EQ(c.history[4].created_by, "WORKDIR /srv");
  EXPECT_FALSE(c.history[4].empty_layer);
  EXPECT_THAT(c.diff_ids, SizeIs(2));
  EXPECT_EQ(image.facts.config_places.at("EXPOSE 8001/tcp"), (SourcePlace{"Dockerfile", 8}));
  EXPECT_EQ(image.facts.config_places.at("ENV C"), (SourcePlace{"Dockerfile", 3}));
  EXPECT_EQ(image.facts.layers[1].place, (SourcePlace{"Dockerfile", 7}));
}

TEST_F(ConfigOfBuild, ValuesOfOneEnvLineSeeTheStateBeforeIt) {
  EXPECT_THAT(config(built("FROM scratch\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc\n")).environment,
              ElementsAre(kPath, "abc=bye", "def=hello", "ghi=bye"));
}

TEST_F(ConfigOfBuild, PathIsAlwaysThere) {
  EXPECT_THAT(config(built("FROM scratch\nENV PATH=/x:$PATH\n")).environment,
              ElementsAre("PATH=/x:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
}

TEST_F(ConfigOfBuild, EntrypointResetsAnInheritedCommandOnly) {
  const auto base = built("FROM scratch\nCMD [\"base\"]\n");
  ASSERT_TRUE(store_->tag(*Reference::parse("base"), base.manifest_digest));
  EXPECT_EQ(config(built("FROM base\nENTRYPOINT [\"e\"]\n")).command, std::nullopt);
  EXPECT_THAT(config(built("FROM base\nCMD [\"own\"]\nENTRYPOINT [\"e\"]\n")).command, Optional(ElementsAre("own")));
  EXPECT_THAT(config(built("FROM base\nENTRYPOINT [\"e\"]\nCMD [\"own\"]\n")).command, Optional(ElementsAre("own")));
}

TEST_F(ConfigOfBuild, ArgsHaveTheirScopes) {
  request_.build_args = {{"G", "given"}, {"HTTP_PROXY", "http://p"}};
  const auto c =
      config(built("ARG G=global\nARG H=hidden\nFROM scratch\nARG G\nARG D=default\nARG TARGETARCH\nENV "
                   "R=$G-$D-$H-$TARGETARCH-$TARGETOS "
                   "P=$HTTP_PROXY\nENV D=env\nENV E=$D\n"));
  EXPECT_THAT(c.environment,
              ElementsAre(kPath, "R=given-default--" + request_.platform.architecture + "-", "P=", "D=env", "E=env"));
}

TEST_F(ConfigOfBuild, ShellIsUsedAndKept) {
  const auto image = built("FROM scratch\nSHELL [\"/bin/bash\", \"-ec\"]\nCMD x\nHEALTHCHECK --retries=2 CMD y\n");
  EXPECT_THAT(config(image).command, Optional(ElementsAre("/bin/bash", "-ec", "x")));
  EXPECT_THAT(config(image).healthcheck->test, ElementsAre("CMD-SHELL", "y"));
  EXPECT_EQ(store_->manifest(image.manifest_digest)->media_type, media_type::kDockerManifest);
}

TEST_F(ConfigOfBuild, StagesInheritFromEachOther) {
  const auto image = built("FROM scratch AS a\nENV X=1\nFROM a AS b\nENV Y=$X\nFROM scratch\nENV Z=1\nFROM b\n");
  EXPECT_THAT(config(image).environment, ElementsAre(kPath, "X=1", "Y=1"));
  EXPECT_EQ(image.facts.base_name, "");
}

struct Refused {
  const char* dockerfile;
  const char* message;
};

TEST_F(ConfigOfBuild, RefusalsNamePlaceAndCause) {
  write("file", "x");
  const std::vector<Refused> table{
      {"FROM scratch\nONBUILD ONBUILD RUN x\n", "Dockerfile:2:9: ONBUILD is not allowed after ONBUILD"},
      {"FROM scratch\nRUN --mount=type=cache,target=/x,sharing=y z\n",
       "Dockerfile:2:5: sharing is shared, private or locked, not 'y'"},
      {"FROM scratch\nCOPY --parents nothing/x /\n", "Dockerfile:2:16: 'nothing/x' is not in the context"},
      {"FROM scratch\nCOPY --exclude=[ file /\n", "Dockerfile:2:6: bad pattern '[': a class has no closing ']'"},
      {"FROM scratch\nCOPY nothing /\n", "Dockerfile:2:6: 'nothing' is not in the context"},
      {"FROM scratch\nCOPY ../x /\n", "Dockerfile:2:6: 'x' is not in the context"},
      {"FROM scratch\nCOPY file file /x\n",
       "Dockerfile:2:16: with several sources the destination must be a folder (write '/x/')"},
      {"FROM scratch\nCOPY --chown=bob file /\n", "Dockerfile:2:6: the image has no user 'bob'"},
      {"FROM scratch\nCOPY --chmod=u+y file /\n",
       "Dockerfile:2:6: 'u+y' is not a mode (write an octal mode such as 755 or a symbolic one such as u=rwX,go=rX)"},
      {"FROM scratch\nCOPY file /a\nCOPY file /a/b\n",
       "Dockerfile:3:1: '/a' is a file in the image, but a folder is needed there"},
      {"FROM scratch\nWORKDIR /d\nCOPY file /d2\nWORKDIR /d2\n", "Dockerfile:4:9: '/d2' is a file in the image"},
      {"FROM scratch\nEXPOSE web\n", "Dockerfile:2:8: 'web' is not a port (write 80, 80/udp or 8000-8010/tcp)"},
      {"FROM scratch\nSTOPSIGNAL NOW\n",
       "Dockerfile:2:12: 'NOW' is not a signal (write a name such as SIGTERM or a number)"},
      {"FROM scratch\nENV A=${B:?missing}\n", "Dockerfile:2:5: B: missing"},
      {"FROM --platform=linux/riscv64 base\n", nullptr},
      {"FROM nowhere/none:1\n", "Dockerfile:1:6: the base image nowhere/none:1 is not in the store"},
  };
  for (const Refused& row : table) {
    const std::string text = refusal(row.dockerfile);
    if (row.message != nullptr) {
      EXPECT_EQ(text, row.message) << row.dockerfile;
    }
    EXPECT_THAT(text, ::testing::StartsWith("Dockerfile:"));
  }
}

TEST_F(ConfigOfBuild, TheGateMaySayNoToTheBase) {
  const auto base = built("FROM scratch\nENV A=1\n");
  ASSERT_TRUE(store_->tag(*Reference::parse("base:1"), base.manifest_digest));
  std::string asked;
  hooks_.on_base = [&](const std::string& name, const Digest& digest) -> Result<void> {
    asked = name;
    EXPECT_EQ(digest, base.manifest_digest);
    return fail(Fault::user, "the base is refused");
  };
  EXPECT_EQ(refusal("FROM base:1\nRUN never\n"), "Dockerfile:1:6: the base is refused");
  EXPECT_EQ(asked, "base:1");
}

TEST_F(ConfigOfBuild, MissingDockerfileIsTold) {
  const BuildHost host{store_, &*snapshots_, nullptr, nullptr};
  auto image = build_image(request_, host, {}, cancel_, progress_);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().text(),
            "there is no 'Dockerfile' in the context " + context().string() + " (name it with -f)");
}

}  // namespace
}  // namespace scangate
