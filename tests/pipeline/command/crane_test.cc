#include "pipeline/command/crane.h"

#include <gtest/gtest.h>

namespace scangate::command {
namespace {

using Args = std::vector<std::string>;

template <class Request>
Request request_of(const Args& args) {
  auto command = parse_crane(args);
  EXPECT_TRUE(command) << command.error().text();
  if (!command || !std::holds_alternative<Request>(command->request)) {
    ADD_FAILURE() << "another request";
    return {};
  }
  return std::get<Request>(command->request);
}

std::string error_of(const Args& args) {
  const auto command = parse_crane(args);
  if (command) return "no error";
  EXPECT_EQ(command.error().fault(), Fault::user);
  return command.error().text();
}

TEST(Crane, Commands) {
  for (const char* name : {"copy", "cp"})
    EXPECT_EQ(request_of<CraneCopy>({name, "a:1", "b:1"}).target, "b:1");
  EXPECT_TRUE(request_of<CraneCopy>({"tag", "a:1", "2"}).is_tag);
  const auto push = request_of<CranePush>({"push", "--image-refs", "f", "x.tar", "r/a:1"});
  EXPECT_EQ(push.path, "x.tar");
  EXPECT_EQ(push.target, "r/a:1");
  EXPECT_EQ(push.image_refs, "f");
  const auto pull = request_of<CranePull>({"pull", "--format=oci", "a", "b", "dir"});
  EXPECT_EQ(pull.images, (Args{"a", "b"}));
  EXPECT_EQ(pull.path, "dir");
  EXPECT_EQ(request_of<CraneShow>({"manifest", "a"}).what, CraneShow::What::manifest);
  EXPECT_TRUE(request_of<CraneShow>({"digest", "--full-ref", "a"}).full_name);
  EXPECT_EQ(request_of<CraneShow>({"ls", "r/a"}).what, CraneShow::What::tags);
  const auto login = request_of<LoginRequest>({"auth", "login", "r", "-u", "me", "-p", "secret"});
  EXPECT_EQ(login.server, "r");
  EXPECT_EQ(login.password, "secret");
  EXPECT_EQ(request_of<LogoutRequest>({"auth", "logout", "r"}).server, "r");
}

TEST(Crane, GlobalFlagsOnEitherSide) {
  for (const Args& args : {Args{"--platform", "linux/arm64", "--insecure", "cp", "a", "b"},
                           Args{"cp", "--platform=linux/arm64", "--insecure", "a", "b"}}) {
    const auto command = parse_crane(args);
    ASSERT_TRUE(command);
    EXPECT_EQ(command->platform, "linux/arm64");
    EXPECT_EQ(command->notes,
              Args{"--insecure: how a registry's certificate is checked is for the host's configuration to say"});
  }
  EXPECT_EQ(parse_crane(Args{"cp", "--platform=all", "a", "b"})->platform, "");
}

TEST(Crane, RefusesByName) {
  const std::vector<std::pair<Args, std::string>> cases = {
      {{"delete", "a"}, "crane delete: is not served by scangate (images are deleted in the registry's own interface)"},
      {{"mutat"},
       "crane: 'mutat' is not served by scangate (auth login, auth logout, config, copy, cp, digest, ls, manifest, "
       "pull, "
       "push, tag, version are)"},
      {{"auth", "get", "r"}, "crane auth: 'get' is not served by scangate (login, logout are)"},
      {{"cp", "--all-tags", "a", "b"}, "crane cp: --all-tags is not served by scangate (not supported yet)"},
      {{"push", "x"}, "crane push: requires exactly 2 arguments, the path and the image (see 'crane push --help')"},
      {{"pull", "--format", "legacy", "a", "b"},
       "crane pull: of --format, only tarball and oci are served by scangate"},
  };
  for (const auto& [args, text] : cases)
    EXPECT_EQ(error_of(args), text);
}

}  // namespace
}  // namespace scangate::command
