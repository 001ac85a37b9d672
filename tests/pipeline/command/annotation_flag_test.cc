#include "pipeline/command/annotation_flag.h"

#include <gtest/gtest.h>

#include "pipeline/command/buildah.h"
#include "pipeline/command/docker.h"
#include "pipeline/command/kaniko.h"

namespace scangate::command {
namespace {

using Of = AnnotationFlag::Of;

TEST(AnnotationFlags, SayWhatTheyAreOf) {
  const std::pair<const char*, std::vector<AnnotationFlag>> cases[] = {
      {"a.b=c=d", {{Of::manifest, "", "a.b", "c=d"}}},
      {"a=", {{Of::manifest, "", "a", ""}}},
      {"a=x:y", {{Of::manifest, "", "a", "x:y"}}},
      {"manifest:a=b", {{Of::manifest, "", "a", "b"}}},
      {"manifest,index:a=b", {{Of::manifest, "", "a", "b"}, {Of::index, "", "a", "b"}}},
      {"manifest-descriptor[linux/arm64]:a=b", {{Of::manifest_descriptor, "linux/arm64", "a", "b"}}},
      {"manifest[linux/amd64],index:a=b", {{Of::manifest, "linux/amd64", "a", "b"}, {Of::index, "", "a", "b"}}},
  };
  for (const auto& [written, flags] : cases) {
    const auto parsed = parse_annotation_flag(written);
    ASSERT_TRUE(parsed) << written << ": " << parsed.error().text();
    EXPECT_EQ(*parsed, flags) << written;
  }
}

TEST(AnnotationFlags, AreRefusedWhenTheyMeanNothing) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "'' is no annotation (write [TYPE:]KEY=VALUE)"},
      {"key", "'key' is no annotation (write [TYPE:]KEY=VALUE)"},
      {"manifest:=x", "'manifest:=x' is no annotation (write [TYPE:]KEY=VALUE)"},
      {"layer:a=b", "'layer' is no type of annotation (manifest, index and manifest-descriptor are)"},
      {"index-descriptor:a=b", "annotations of an index's descriptor are not served (use index:)"},
      {"manifest[]:a=b", "'manifest[]' names no platform (write manifest[linux/amd64]:KEY=VALUE)"},
      {"manifest[x:a=b", "'manifest[x' names no platform (write manifest[linux/amd64]:KEY=VALUE)"},
      {"index[linux/amd64]:a=b", "an index is of no platform alone"},
  };
  for (const auto& [written, message] : cases) {
    const auto parsed = parse_annotation_flag(written);
    ASSERT_FALSE(parsed) << written;
    EXPECT_EQ(parsed.error().text(), message);
  }
}

TEST(AnnotationFlags, AreTakenByEveryBuildCommand) {
  const std::vector<AnnotationFlag> expected = {{Of::manifest, "", "a", "b"}, {Of::manifest, "", "c", "d"}};
  const auto docker = parse_docker(std::vector<std::string>{"build", "--annotation", "a=b", "--annotation=c=d", "."});
  ASSERT_TRUE(docker) << docker.error().text();
  EXPECT_EQ(std::get<BuildRequest>(docker->request).annotations, expected);
  const auto kaniko = parse_kaniko(std::vector<std::string>{"--annotation", "a=b", "--annotation=c=d", "--no-push"});
  ASSERT_TRUE(kaniko) << kaniko.error().text();
  EXPECT_EQ(std::get<KanikoBuild>(kaniko->request).annotations, expected);
}

}  // namespace
}  // namespace scangate::command
