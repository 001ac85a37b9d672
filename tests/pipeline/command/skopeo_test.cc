#include "pipeline/command/skopeo.h"

#include <gtest/gtest.h>

namespace scangate::command {
namespace {

using Args = std::vector<std::string>;
using Kind = ImageLocation::Kind;

template <class Request>
Request request_of(const Args& args) {
  auto command = parse_skopeo(args);
  EXPECT_TRUE(command) << command.error().text();
  if (!command || !std::holds_alternative<Request>(command->request)) {
    ADD_FAILURE() << "another request";
    return {};
  }
  return std::get<Request>(command->request);
}

std::string error_of(const Args& args) {
  const auto command = parse_skopeo(args);
  if (command) return "no error";
  EXPECT_EQ(command.error().fault(), Fault::user);
  return command.error().text();
}

TEST(Skopeo, LocationsOfEveryTransport) {
  struct Row {
    const char* text;
    Kind kind;
    const char* name;
    const char* path;
  };
  for (const Row& row :
       {Row{"docker://r:5000/a:1", Kind::registry, "r:5000/a:1", ""}, Row{"docker-daemon:a:1", Kind::store, "a:1", ""},
        Row{"containers-storage:[overlay@/var/lib]a:1", Kind::store, "a:1", ""},
        Row{"docker-archive:x.tar", Kind::docker_archive, "", "x.tar"},
        Row{"docker-archive:/x.tar:a:1", Kind::docker_archive, "a:1", "/x.tar"},
        Row{"oci:dir:1.0", Kind::oci, "1.0", "dir"}, Row{"oci-archive:x.tar", Kind::oci_archive, "", "x.tar"}}) {
    const auto location = parse_location("t", row.text);
    ASSERT_TRUE(location) << row.text;
    EXPECT_EQ(*location, (ImageLocation{row.kind, row.name, row.path, row.text})) << row.text;
  }
}

TEST(Skopeo, CopyWithItsFlags) {
  const auto request = request_of<SkopeoCopy>({"--insecure-policy", "copy", "--src-creds", "a:b:c", "--dest-creds=d:e",
                                               "--authfile", "f", "--dest-authfile", "g", "-q", "--additional-tag",
                                               "r/a:2", "--digestfile", "h", "docker://s/a:1", "docker://r/a:1"});
  EXPECT_EQ(request.source.name, "s/a:1");
  EXPECT_EQ(request.target.name, "r/a:1");
  EXPECT_EQ(request.source_login.user, "a");
  EXPECT_EQ(request.source_login.password, "b:c");
  EXPECT_EQ(request.source_login.authfile, "f");
  EXPECT_EQ(request.target_login.password, "e");
  EXPECT_EQ(request.target_login.authfile, "g");
  EXPECT_EQ(request.additional_tags, Args{"r/a:2"});
  EXPECT_EQ(request.digestfile, "h");
  EXPECT_FALSE(request.all);
  EXPECT_TRUE(request_of<SkopeoCopy>({"copy", "--multi-arch=all", "docker://a", "docker://b"}).all);
}

TEST(Skopeo, TheOtherCommands) {
  EXPECT_TRUE(request_of<SkopeoInspect>({"inspect", "--raw", "docker://a"}).raw);
  EXPECT_EQ(request_of<SkopeoInspect>({"inspect", "--format", "{{.Digest}}", "docker://a"}).format, "{{.Digest}}");
  EXPECT_TRUE(request_of<SkopeoInspect>({"inspect", "--config", "docker-daemon:a:1"}).config);
  EXPECT_EQ(request_of<SkopeoListTags>({"list-tags", "docker://r/a"}).repository.name, "r/a");
  EXPECT_EQ(request_of<LoginRequest>({"login", "-u", "me", "-p", "x", "r"}).password, "x");
  EXPECT_EQ(request_of<LogoutRequest>({"logout", "r"}).server, "r");
  const auto command = parse_skopeo(Args{"--override-arch", "arm64", "inspect", "--tls-verify=false", "docker://a"});
  ASSERT_TRUE(command);
  EXPECT_EQ(command->platform, "linux/arm64");
  EXPECT_EQ(command->notes,
            Args{"--tls-verify: how a registry's certificate is checked is for the host's configuration to say"});
}

TEST(Skopeo, RefusesByName) {
  const std::vector<std::pair<Args, std::string>> cases = {
      {{"delete", "docker://a"},
       "skopeo delete: is not served by scangate (images are deleted in the registry's own interface)"},
      {{"sync"}, "skopeo: 'sync' is not served by scangate (copy, inspect, list-tags, login, logout are)"},
      {{"copy", "a:1", "docker://b"}, "skopeo copy: 'a:1' has no transport (did you mean docker://a:1?)"},
      {{"copy", "docker://", "docker://b"}, "skopeo copy: 'docker://' names no image (is a variable not set?)"},
      {{"copy", "oci::1", "docker://b"}, "skopeo copy: 'oci::1' names no file (is a variable not set?)"},
      {{"copy", "docker://a"},
       "skopeo copy: requires exactly 2 arguments, source and destination (see 'skopeo copy --help')"},
      {{"copy", "--sign-by", "x", "docker://a", "docker://b"},
       "skopeo copy: --sign-by is not served by scangate (signing is not supported yet)"},
      {{"copy", "--multi-arch", "index-only", "docker://a", "docker://b"},
       "skopeo copy: of --multi-arch, only system and all are served by scangate"},
      {{"copy", "--src-registry-token", "secret", "docker://a", "docker://b"},
       "skopeo copy: --src-registry-token is not served by scangate (bearer tokens are not taken; use the credentials "
       "they come from)"},
      {{"list-tags", "oci:x"}, "skopeo list-tags: only docker:// is served by scangate"},
      {{"--override-os", "linux", "copy"}, "skopeo: --override-os without --override-arch (give both)"},
  };
  for (const auto& [args, text] : cases)
    EXPECT_EQ(error_of(args), text);
}

}  // namespace
}  // namespace scangate::command
