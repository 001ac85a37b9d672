#include "pipeline/command/kaniko.h"

#include <gtest/gtest.h>

namespace scangate::command {
namespace {

using Args = std::vector<std::string>;

KanikoBuild build_of(const Args& args) {
  auto command = parse_kaniko(args);
  EXPECT_TRUE(command) << command.error().text();
  if (!command || !std::holds_alternative<KanikoBuild>(command->request)) {
    ADD_FAILURE() << "another request";
    return {};
  }
  return std::get<KanikoBuild>(command->request);
}

std::string error_of(const Args& args) {
  const auto command = parse_kaniko(args);
  if (command) return "no error";
  EXPECT_EQ(command.error().fault(), Fault::user);
  return command.error().text();
}

TEST(Kaniko, TheLineOfItsDocumentation) {
  const auto build = build_of({"--context",
                               "/builds/g/p",
                               "--dockerfile",
                               "/builds/g/p/Dockerfile",
                               "--destination",
                               "r/a:1",
                               "--destination=r/a:latest",
                               "--build-arg",
                               "V=1",
                               "--build-arg=FROM_ENV",
                               "--cache=true",
                               "--cache-repo",
                               "r/c",
                               "--snapshot-mode=redo",
                               "--use-new-run",
                               "--single-snapshot",
                               "--cleanup",
                               "--label",
                               "a=b",
                               "--target",
                               "final",
                               "--digest-file",
                               "d",
                               "--image-name-with-digest-file=i",
                               "--verbosity",
                               "info"});
  EXPECT_EQ(build.context, "/builds/g/p");
  EXPECT_EQ(build.dockerfile, "/builds/g/p/Dockerfile");
  EXPECT_EQ(build.destinations, (Args{"r/a:1", "r/a:latest"}));
  EXPECT_EQ(build.build_args, (std::vector<BuildArg>{{"V", "1"}, {"FROM_ENV", std::nullopt}}));
  EXPECT_EQ(build.labels, (std::vector<std::pair<std::string, std::string>>{{"a", "b"}}));
  EXPECT_EQ(build.target, "final");
  EXPECT_EQ(build.digest_file, "d");
  EXPECT_EQ(build.image_name_with_digest_file, "i");
  EXPECT_TRUE(build.cache && build.push_cache);
  EXPECT_EQ(build.cache_repository, "r/c");
  EXPECT_FALSE(build.cache_max_age);
  EXPECT_FALSE(build.quiet);
}

TEST(Kaniko, SharedCaches) {
  const auto build = build_of({"--no-push", "--cache-repo=r/c", "--cache-ttl=336h", "--no-push-cache"});
  EXPECT_FALSE(build.push_cache);
  EXPECT_EQ(build.cache_max_age, std::chrono::hours(336));
  EXPECT_EQ(error_of({"--no-push", "--cache-repo", "oci:/cache"}),
            "kaniko: --cache-repo 'oci:/cache' is not served (name a repository of a registry)");
  EXPECT_EQ(error_of({"--no-push", "--cache-repo", "r/c:1"}),
            "the cache 'r/c:1' is no repository (name it without a tag)");
}

TEST(Kaniko, Contexts) {
  EXPECT_EQ(build_of({"--no-push"}).context, "/workspace/");
  EXPECT_EQ(build_of({"--no-push", "-c", "dir:///src", "--context-sub-path", "a"}).context, "/src");
  const auto archive = build_of({"--no-push", "-c", "tar://ctx.tar.gz"});
  EXPECT_EQ(archive.context_kind, KanikoBuild::Context::archive);
  EXPECT_EQ(archive.context, "ctx.tar.gz");
  EXPECT_EQ(build_of({"--no-push", "-c", "tar://stdin"}).context_kind, KanikoBuild::Context::input);
  EXPECT_EQ(build_of({"--no-push", "-c", "https://h/x.tar.gz"}).context_kind, KanikoBuild::Context::url);
  const std::pair<const char*, const char*> repositories[] = {
      {"git://h/x.git", "https://h/x.git"},
      {"git://h/x.git#refs/heads/main", "https://h/x.git#refs/heads/main"},
      {"git://h/x.git#refs/heads/main#0123abc", "https://h/x.git#0123abc"},
  };
  for (const auto& [written, address] : repositories) {
    const auto git = build_of({"--no-push", "-c", written});
    EXPECT_EQ(git.context_kind, KanikoBuild::Context::git) << written;
    EXPECT_EQ(git.context, address);
  }
}

TEST(Kaniko, NotesForWhatTheHostDecides) {
  const auto command = parse_kaniko(Args{"--no-push", "--insecure", "--registry-mirror", "m"});
  ASSERT_TRUE(command);
  EXPECT_EQ(command->notes,
            (Args{"--insecure: how a registry's certificate is checked is for the host's configuration to say",
                  "--registry-mirror: mirrors are for the host's configuration to name"}));
}

TEST(Kaniko, RefusesByName) {
  const std::vector<std::pair<Args, std::string>> cases = {
      {{"--context", "."}, "kaniko: no --destination (name the image, or use --no-push)"},
      {{"--destination", ""}, "kaniko: --destination is empty (is a variable not set?)"},
      {{"--context", "", "--no-push"}, "kaniko: --context is empty (is a variable not set?)"},
      {{"--context", "s3://b/x", "--no-push"},
       "kaniko: a context from s3:// is not served by scangate (dir://, tar://, https://, git:// and plain paths are)"},
      {{"--no-push", "."}, "kaniko: unexpected argument '.' (the context is given with --context)"},
      {{"--no-push", "--destinatoin", "x"}, "kaniko: unknown flag: --destinatoin (did you mean --destination?)"},
      {{"--no-push", "--tar-path", "x"}, "kaniko: --tar-path without --destination (an image in a tar needs a name)"},
  };
  for (const auto& [args, text] : cases)
    EXPECT_EQ(error_of(args), text);
}

}  // namespace
}  // namespace scangate::command
