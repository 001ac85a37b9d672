#include "pipeline/command/buildah.h"

#include <gtest/gtest.h>

namespace scangate::command {
namespace {

using Args = std::vector<std::string>;
using Kind = ImageLocation::Kind;

template <class Request>
Request request_of(const Args& args) {
  auto command = parse_buildah(args);
  EXPECT_TRUE(command) << command.error().text();
  if (!command || !std::holds_alternative<Request>(command->request)) {
    ADD_FAILURE() << "another request";
    return {};
  }
  return std::get<Request>(command->request);
}

std::string error_of(const Args& args) {
  const auto command = parse_buildah(args);
  if (command) return "no error";
  EXPECT_EQ(command.error().fault(), Fault::user);
  return command.error().text();
}

TEST(Buildah, SharedCachesAreOneForEachDockerfileInARepository) {
  const auto build =
      request_of<BuildahBuild>({"bud", "--cache-from", "r/c", "--cache-to=r/c", "--cache-ttl=24h", "-f", "x", "."})
          .build;
  ASSERT_EQ(build.cache_from.size(), 1U);
  EXPECT_EQ(build.cache_from[0].substr(0, 35), "type=registry,ref=r/c:scangate-" + build.cache_from[0].substr(31, 4));
  EXPECT_EQ(build.cache_to[0], "type=registry,mode=max,ref=" + build.cache_from[0].substr(18));
  EXPECT_EQ(build.cache_max_age, std::chrono::hours(24));
  EXPECT_EQ(error_of({"bud", "--cache-to", "r/c:tag", "."}),
            "the cache 'r/c:tag' is no repository (name it without a tag)");
}

TEST(Buildah, BuildUnderItsThreeNames) {
  for (const char* name : {"bud", "build", "build-using-dockerfile"}) {
    const auto request = request_of<BuildahBuild>({name, "--isolation", "chroot", "-f", "Containerfile.ci", "-t", "a:1",
                                                   "--build-arg", "V=1", "--layers", "--format=docker", "--pull",
                                                   "--tls-verify=false", "--creds", "me:secret", "ctx"});
    EXPECT_EQ(request.build.context, "ctx");
    EXPECT_EQ(request.build.dockerfile, "Containerfile.ci");
    EXPECT_EQ(request.build.tags, Args{"a:1"});
    EXPECT_TRUE(request.build.pull);
    EXPECT_EQ(request.login.user, "me");
    EXPECT_EQ(request.login.password, "secret");
  }
  EXPECT_EQ(request_of<BuildahBuild>({"bud"}).build.context, ".");
  EXPECT_FALSE(request_of<BuildahBuild>({"bud", "--pull=missing", "."}).build.pull);
  EXPECT_EQ(request_of<BuildahBuild>({"bud", "--pull", "."}).build.context, ".");
  EXPECT_EQ(request_of<BuildahBuild>({"--storage-driver", "vfs", "bud", "--arch", "arm64", "."}).build.platforms,
            Args{"linux/arm64"});
}

TEST(Buildah, PushWithAndWithoutDestination) {
  EXPECT_FALSE(request_of<BuildahPush>({"push", "r/a:1"}).target);
  EXPECT_EQ(request_of<BuildahPush>({"push", "a", "docker://r/a:1"}).target->name, "r/a:1");
  EXPECT_EQ(request_of<BuildahPush>({"push", "a", "r/a:1"}).target->name, "r/a:1");
  const auto archive = request_of<BuildahPush>({"push", "--digestfile", "d", "a", "oci-archive:out.tar:a:1"});
  EXPECT_EQ(archive.target->kind, Kind::oci_archive);
  EXPECT_EQ(archive.target->path, "out.tar");
  EXPECT_EQ(archive.target->name, "a:1");
  EXPECT_EQ(archive.digestfile, "d");
}

TEST(Buildah, WorkingContainers) {
  const auto from = request_of<BuildahFrom>({"from", "--name", "c", "--pull=always", "docker://debian:12"});
  EXPECT_EQ(from.image, "debian:12");
  EXPECT_EQ(from.name, "c");
  EXPECT_TRUE(from.pull_always);
  const auto copy = request_of<BuildahCopy>({"copy", "--chown", "1:2", "c", "a", "b", "/dst/"});
  EXPECT_EQ(copy.sources, (Args{"a", "b"}));
  EXPECT_EQ(copy.target, "/dst/");
  EXPECT_EQ(copy.chown, "1:2");
  EXPECT_EQ(request_of<BuildahCopy>({"copy", "c", "a"}).target, "");
  EXPECT_TRUE(request_of<BuildahCopy>({"add", "c", "https://x/y", "/y"}).add);
  for (const Args& args : {Args{"run", "c", "--", "ls", "-l"}, Args{"run", "c", "ls", "-l"}})
    EXPECT_EQ(request_of<BuildahRun>(args).argv, (Args{"ls", "-l"}));
  EXPECT_EQ(request_of<BuildahRun>({"run", "-u", "app", "-e", "A=b", "c", "--", "id"}).user, "app");
  const auto config = request_of<BuildahConfig>({"config", "--env", "A=b", "-p", "80", "--cmd", "run me", "c"});
  EXPECT_EQ(config.settings,
            (std::vector<BuildahConfig::Setting>{{"ENV", "A=b"}, {"EXPOSE", "80"}, {"CMD", "run me"}}));
  const auto commit = request_of<BuildahCommit>({"commit", "--rm", "--squash", "c", "r/a:1"});
  EXPECT_EQ(commit.image, "r/a:1");
  EXPECT_TRUE(commit.remove);
  EXPECT_EQ(request_of<BuildahCommit>({"commit", "c", "docker://r/a:1"}).target->name, "r/a:1");
  EXPECT_TRUE(request_of<BuildahRemove>({"rm", "-a"}).all);
  EXPECT_EQ(request_of<BuildahTag>({"tag", "a", "b", "c"}).targets, (Args{"b", "c"}));
}

TEST(Buildah, WhatIsTheSameAsDockers) {
  EXPECT_TRUE(request_of<LoginRequest>({"login", "-u", "me", "--password-stdin", "r"}).password_stdin);
  EXPECT_EQ(request_of<LogoutRequest>({"logout", "r"}).server, "r");
  EXPECT_TRUE(request_of<ImagesRequest>({"images", "-q"}).quiet);
  EXPECT_EQ(request_of<RmiRequest>({"rmi", "-f", "a"}).images, Args{"a"});
  EXPECT_EQ(request_of<InspectRequest>({"inspect", "--type", "image", "a"}).images, Args{"a"});
  EXPECT_EQ(request_of<BuildahPull>({"pull", "docker-daemon:a:1"}).pull.reference, "a:1");
  EXPECT_EQ(request_of<HelpRequest>({"--version"}).text, "buildah commands served by scangate\n");
}

TEST(Buildah, FlagsWithoutEffectAreNoted) {
  const auto command = parse_buildah(Args{"push", "--tls-verify=false", "--format", "oci", "a"});
  ASSERT_TRUE(command);
  EXPECT_EQ(command->notes,
            (Args{"--tls-verify: how a registry's certificate is checked is for the host's configuration to say",
                  "--format: images leave as they were scanned, byte for byte"}));
}

TEST(Buildah, RefusesByName) {
  const std::vector<std::pair<Args, std::string>> cases = {
      {{"mount", "c"},
       "buildah mount: is not served by scangate (a container's files stay outside of the job; use buildah copy and "
       "buildah run)"},
      {{"manifest", "add", "x"},
       "buildah manifest add: requires exactly 2 arguments, the list and the image (see 'buildah manifest add "
       "--help')"},
      {{"comit", "c"}, "buildah: 'comit' is not served by scangate (did you mean 'commit'?)"},
      {{"bud", "--secret", "x", "."},
       "buildah bud: --secret: a secret is given by key=value pairs (write id=ID,src=FILE)"},
      {{"bud", "-t", "", "."}, "buildah bud: --tag is empty (is a variable not set?)"},
      {{"bud", "-f", "a", "-f", "b", "."}, "buildah bud: several --file are not served by scangate"},
      {{"bud", "--creds", "secret", "."}, "buildah bud: --creds: expected user:password"},
      {{"push"}, "buildah push: requires 1 or 2 arguments, the image and where it goes (see 'buildah push --help')"},
      {{"push", ""}, "buildah push: the image's name is empty (is a variable not set?)"},
      {{"push", "a", "dir:/x"},
       "buildah push: the transport 'dir:' is not served by scangate (docker://, docker-archive:, oci:, oci-archive:, "
       "containers-storage: and docker-daemon: are)"},
      {{"from", "oci:x"}, "buildah from: 'oci:x' is no name of an image (files are brought in with skopeo copy)"},
      {{"run", "c", "--"}, "buildah run: requires the container and a command (see 'buildah run --help')"},
      {{"run", "-v", "/a:/b", "c", "ls"}, "buildah run: --volume is not served by scangate (not supported yet)"},
      {{"config", "--env", "A", "c"},
       "buildah config: --env without '=' is not served by scangate (variables are set with NAME=VALUE; taking one "
       "away "
       "is not supported yet)"},
      {{"login", "--get-login", "r"},
       "buildah login: --get-login is not served by scangate (credentials are not given out)"},
  };
  for (const auto& [args, text] : cases)
    EXPECT_EQ(error_of(args), text);
}

}  // namespace
}  // namespace scangate::command
