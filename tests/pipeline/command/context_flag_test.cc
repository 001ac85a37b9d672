#include "pipeline/command/context_flag.h"

#include <gtest/gtest.h>

#include "pipeline/command/buildah.h"
#include "pipeline/command/docker.h"

namespace scangate::command {
namespace {

using Kind = ContextFlag::Kind;

TEST(ContextFlag, TellsKindsApart) {
  const std::pair<const char*, ContextFlag> cases[] = {
      {"src=../src", {"src", Kind::folder, "../src", "", ""}},
      {"src=a=b", {"src", Kind::folder, "a=b", "", ""}},
      {"src=https://host/x.tar.gz", {"src", Kind::remote, "https://host/x.tar.gz", "", ""}},
      {"src=git@host:x.git#v1", {"src", Kind::remote, "git@host:x.git#v1", "", ""}},
      {"alpine:3=docker-image://alpine:3.20", {"alpine:3", Kind::image, "alpine:3.20", "", ""}},
      {"alpine=container-image://quay.io/x@sha256:1", {"alpine", Kind::image, "quay.io/x@sha256:1", "", ""}},
      {"alpine=docker://alpine", {"alpine", Kind::image, "alpine", "", ""}},
      {"base=oci-layout://dir", {"base", Kind::layout, "dir", "", ""}},
      {"base=oci-layout:///a.b/dir:v1", {"base", Kind::layout, "/a.b/dir", "v1", ""}},
      {"base=oci-layout://a@b/dir@sha256:12", {"base", Kind::layout, "a@b/dir", "", "sha256:12"}},
  };
  for (const auto& [written, flag] : cases) {
    const auto parsed = parse_context_flag(written);
    ASSERT_TRUE(parsed) << written << ": " << parsed.error().text();
    EXPECT_EQ(*parsed, flag) << written;
  }
}

TEST(ContextFlag, RefusesWhatItCannotServe) {
  const std::pair<const char*, const char*> cases[] = {
      {"src",
       "'src' is no named context (write NAME=FOLDER, NAME=URL, NAME=docker-image://REF or NAME=oci-layout://FOLDER)"},
      {"=x",
       "'=x' is no named context (write NAME=FOLDER, NAME=URL, NAME=docker-image://REF or NAME=oci-layout://FOLDER)"},
      {"a=target:b", "'target:b': targets are for buildx bake (a stage is named with --from=STAGE)"},
      {"a=docker-image://", "'a=docker-image://' names nothing"},
      {"a=s3://b/c",
       "a context from 's3://b/c' is not served (a folder, http(s), git, docker-image:// and oci-layout:// are)"},
  };
  for (const auto& [written, message] : cases)
    EXPECT_EQ(parse_context_flag(written).error().text(), message) << written;
}

TEST(ContextFlag, IsOfDockerAndBuildah) {
  const std::vector<std::string> docker{"build", "--build-context", "a=b", "--build-context=c=docker-image://d", "."};
  const auto built = parse_docker(docker);
  ASSERT_TRUE(built);
  EXPECT_EQ(std::get<BuildRequest>(built->request).named_contexts.size(), 2U);
  const std::vector<std::string> buildah{"bud", "--build-context", "a=container-image://b"};
  const auto bud = parse_buildah(buildah);
  ASSERT_TRUE(bud);
  EXPECT_EQ(std::get<BuildahBuild>(bud->request).build.named_contexts.at(0).value, "b");
}

}  // namespace
}  // namespace scangate::command
