// RUN --mount through a real sandbox.
#include <unistd.h>

#include "build_fixture.h"

namespace scangate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// Whether any file below `folder` holds the text.
bool is_stored(const std::filesystem::path& folder, const std::string& text) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const auto content = read_file(entry.path(), 1U << 30U);
    if (content && content->find(text) != std::string::npos) return true;
  }
  return false;
}

class MountTest : public RunFixture {
 protected:
  // What the last build printed.
  std::string printed(std::string_view dockerfile) {
    progress_.printed.clear();
    built(dockerfile);
    return progress_.printed;
  }
};

TEST_F(MountTest, BindShowsTheContextAsRootsAndLeavesNothing) {
  write("src/a.txt", "hello\n");
  write("src/hidden.log", "no\n");
  write(".dockerignore", "**/*.log\n");
  ASSERT_EQ(::chown((context() / "src/a.txt").c_str(), 1234, 1234), 0);
  const auto image = built(
      "FROM base\nRUN --mount=target=/mnt/ctx,source=src ls /mnt/ctx > /seen && cat /mnt/ctx/a.txt >> /seen && "
      "stat -c %u:%a /mnt/ctx/a.txt >> /seen; touch /mnt/ctx/new 2>> /seen || echo read-only >> /seen\n");
  const auto seen = layer(image, 1);
  EXPECT_THAT(paths(seen), ElementsAre("seen"));
  EXPECT_THAT(seen.at("seen").text, testing::StartsWith("a.txt\nhello\n0:644\n"));
  EXPECT_THAT(seen.at("seen").text, testing::EndsWith("read-only\n"));
}

TEST_F(MountTest, BindIsPartOfTheKeyByItsContent) {
  write("used", "1");
  write("other", "1");
  const char* dockerfile = "FROM base\nRUN --mount=target=/used,source=used cat /used > /copy\n";
  EXPECT_EQ(files(built(dockerfile)).at("copy").text, "1");
  write("other", "2");
  EXPECT_EQ(built(dockerfile).cached_steps, 1U);
  write("used", "2");
  const auto image = built(dockerfile);
  EXPECT_EQ(image.cached_steps, 0U);
  EXPECT_EQ(files(image).at("copy").text, "2");
}

TEST_F(MountTest, WritesToABindAreThrownAway) {
  write("src/a", "old");
  const auto image = built(
      "FROM base AS one\nRUN echo old > /s\n"
      "FROM base\n"
      "RUN --mount=target=/c,source=src,rw --mount=target=/s,source=/,from=one,rw "
      "echo new > /c/a && echo new > /s/s && cat /c/a /s/s > /seen\n"
      "RUN --mount=target=/c,source=src --mount=target=/s,from=one cat /c/a /s/s > /after\n");
  const auto all = files(image);
  EXPECT_EQ(all.at("seen").text, "new\nnew\n");
  EXPECT_EQ(all.at("after").text, "oldold\n");
  EXPECT_FALSE(all.contains("c"));
  EXPECT_EQ(read_file(context() / "src/a", 10).value(), "old");
}

TEST_F(MountTest, BindFromAStageAndAnImageFollowsLinksInsideOnly) {
  const auto image = built(
      "FROM base AS one\nRUN mkdir -p /real/dir && echo in > /real/dir/f && ln -s /real/dir /link && ln -s /etc /out\n"
      "FROM base\n"
      "RUN --mount=target=/m,source=/link,from=one cat /m/f > /1\n"
      "RUN --mount=target=/m,source=/link/../../../../etc/passwd,from=base cat /m > /2\n");
  EXPECT_EQ(files(image).at("1").text, "in\n");
  EXPECT_THAT(files(image).at("2").text, testing::StartsWith("root:x:0:0:"));
  EXPECT_EQ(refusal("FROM base AS one\nFROM base\nRUN --mount=target=/m,source=/none,from=one true\n"),
            "Dockerfile:3:5: 'none' is not in stage 'one'");
}

TEST_F(MountTest, TargetsBehindLinksOfTheImageStayInside) {
  const auto outside = folder_->path() / "outside";
  std::filesystem::create_directories(outside);
  write("f", "x");
  built("FROM base\nRUN ln -s " + outside.string() +
        " /out && ln -s ../../../../../../.. /up\n"
        "RUN --mount=target=/out/deep/f,source=f --mount=type=tmpfs,target=/up/t cat /out/deep/f && ls -d /t\n");
  EXPECT_TRUE(std::filesystem::is_empty(outside));
}

TEST_F(MountTest, MountsInsideOfMountsFindTheirPlace) {
  write("src/a", "a");
  request_.secrets = {{"npm", "token"}};
  const auto image = built(
      "FROM base\nWORKDIR /src\n"
      "RUN --mount=target=.,source=src --mount=type=cache,target=node_modules/.cache --mount=type=secret,id=npm,"
      "target=/src/.npmrc echo x > node_modules/.cache/y && cat .npmrc a > /seen\n");
  EXPECT_EQ(files(image).at("seen").text, "tokena");
  EXPECT_FALSE(files(image).contains("src/.npmrc"));
}

TEST_F(MountTest, CacheIsKeptAndIsNotInTheImage) {
  const char* dockerfile =
      "FROM base\nARG N\n"
      "RUN --mount=type=cache,target=/var/cache/x echo $N >> /var/cache/x/log && cat /var/cache/x/log > /seen\n";
  request_.build_args = {{"N", "1"}};
  built(dockerfile);
  request_.build_args = {{"N", "2"}};
  const auto image = built(dockerfile);
  EXPECT_EQ(files(image).at("seen").text, "1\n2\n");
  EXPECT_FALSE(files(image).contains("var/cache/x"));
  request_.build_args = {{"N", "1"}};
  EXPECT_EQ(built(dockerfile).cached_steps, 1U);  // what it holds is no part of the key
}

TEST_F(MountTest, CacheIsOfOneProjectAlone) {
  const char* dockerfile = "FROM base\nRUN --mount=type=cache,id=c,target=/c ls /c > /seen; touch /c/f\n";
  request_.cache_namespace = "group/one";
  built(dockerfile);
  request_.cache_namespace = "group/two";
  EXPECT_EQ(files(built(dockerfile)).at("seen").text, "");
  request_.cache_namespace = "group/one";
  request_.no_cache = true;
  EXPECT_EQ(files(built(dockerfile)).at("seen").text, "f\n");
}

TEST_F(MountTest, CacheHasItsOwnerAndMode) {
  EXPECT_THAT(
      printed("FROM base\nUSER app\n"
              "RUN --mount=type=cache,target=/c,uid=1000,gid=50,mode=0750 stat -c %u:%g:%a /c && touch /c/mine\n"),
      HasSubstr("1000:50:750\n"));
}

TEST_F(MountTest, ReadOnlyCacheWithABeginningFromAStage) {
  const auto image = built(
      "FROM base AS one\nRUN mkdir /d && echo stage > /d/f\n"
      "FROM base\n"
      "RUN --mount=type=cache,target=/c,source=/d,from=one,readonly cat /c/f > /seen; touch /c/x || echo no >> "
      "/seen\n");
  EXPECT_EQ(files(image).at("seen").text, "stage\nno\n");
}

TEST_F(MountTest, TmpfsHasItsSizeAndIsGone) {
  const auto image =
      built("FROM base\nRUN --mount=type=tmpfs,target=/t,size=1m echo x > /t/x && stat -f -c '%T %b %s' /t > /seen\n");
  EXPECT_THAT(paths(layer(image, 1)), ElementsAre("seen"));
  EXPECT_EQ(layer(image, 1).at("seen").text, "tmpfs 256 4096\n");
}

TEST_F(MountTest, SecretIsInTheStepAndNowhereElse) {
  const std::string value = "s3cr3t-of-the-build";
  request_.secrets = {{"token", value}, {"other", "second"}};
  const auto image = built(
      "FROM base\nARG ID=token\n"
      "RUN --mount=type=secret,id=$ID --mount=type=secret,id=other,env=OTHER "
      "--mount=type=secret,id=token,target=/root/.t,mode=0440,gid=50 "
      "stat -c '%a %u %g' /run/secrets/token /root/.t > /seen && echo ${#OTHER} >> /seen && "
      "test \"$(cat /run/secrets/token)\" = \"" +
      value.substr(0, 5) + "\"\"" + value.substr(5) +
      "\" && "
      "! test -e /run/secrets/other\n");
  EXPECT_EQ(layer(image, 1).at("seen").text, "400 0 0\n440 0 50\n6\n");
  EXPECT_THAT(paths(layer(image, 1)), ElementsAre("seen"));
  EXPECT_FALSE(is_stored(folder_->path(), value));
  EXPECT_THAT(progress_.printed, Not(HasSubstr(value)));
}

TEST_F(MountTest, SecretsValueIsNoPartOfTheKey) {
  const char* dockerfile = "FROM base\nRUN --mount=type=secret,id=s cat /run/secrets/s > /dev/null; echo x > /x\n";
  request_.secrets = {{"s", "one"}};
  built(dockerfile);
  request_.secrets = {{"s", "two"}};
  EXPECT_EQ(built(dockerfile).cached_steps, 1U);
  // Another id is another step.
  EXPECT_EQ(built("FROM base\nRUN --mount=type=secret,id=t cat /run/secrets/s > /dev/null; echo x > /x\n").cached_steps,
            0U);
}

TEST_F(MountTest, SecretThatWasNotGiven) {
  EXPECT_EQ(files(built("FROM base\nRUN --mount=type=secret,id=s ls /run > /seen 2>&1; exit 0\n")).at("seen").text,
            "ls: cannot access '/run': No such file or directory\n");
  EXPECT_EQ(refusal("FROM base\nRUN --mount=type=secret,id=s,required true\n"),
            "Dockerfile:2:5: the secret 's' was not given to this build (pass --secret id=s,src=FILE)");
}

TEST_F(MountTest, WrongMountsAreToldWithTheirPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"--mount=type=bind,target=/x,id=a true", "a mount of type bind has no option 'id'"},
      {"--mount=type=cache,target=/x,sharing=some true", "sharing is shared, private or locked, not 'some'"},
      {"--mount=type=tmpfs,target=/x,size=big true", "'big' is not a size (write 64m or 2g)"},
      {"--mount=type=secret,id=a,mode=9 true", "the mount option 'mode' is an octal mode, not '9'"},
      {"--mount=type=secret,id=a,env=A-B true", "'A-B' is not the name of a variable"},
      {"--mount=type=secret,env=A true", "a mount of type secret needs an id"},
      {"--mount=target=/.. true", "a mount cannot take the place of the whole root"},
      {"--mount=target=/x,source=none true", "'none' is not in the context"},
      {"--mount=type=ssh,required true", "the ssh agent 'default' was not given to this build (pass --ssh default)"},
      {"--security=insecure true",
       "RUN --security=insecure is refused: no step gets rights on the host (leave it out)"},
  };
  for (const auto& [run, expected] : cases)
    EXPECT_THAT(refusal(fmt::format("FROM base\nRUN {}\n", run)), HasSubstr(std::string(": ") + expected)) << run;
}

TEST_F(MountTest, SshAgentIsLentWithItsOwnerAndMode) {
  request_.ssh_agents = {{"default", folder_->path() / "agent"}};
  const std::string said = printed(
      "FROM base\nRUN --mount=type=ssh,uid=1000,mode=0606 echo $SSH_AUTH_SOCK; stat -c '%a %u %F' $SSH_AUTH_SOCK\n");
  EXPECT_THAT(said, HasSubstr("/run/buildkit/ssh_agent.0\n"));
  EXPECT_THAT(said, HasSubstr("606 1000 socket\n"));
}

TEST_F(MountTest, WithoutAnAgentNothingIsMounted) {
  EXPECT_THAT(printed("FROM base\nRUN --mount=type=ssh echo \"[$SSH_AUTH_SOCK]\"\n"), HasSubstr("[]\n"));
}

}  // namespace
}  // namespace scangate
