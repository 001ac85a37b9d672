#include "pipeline/command/cache_flags.h"

#include <gtest/gtest.h>

namespace scangate::command {
namespace {

TEST(CacheFlags, WhereACacheIsReadFrom) {
  const std::pair<const char*, CacheFrom> cases[] = {
      {"registry.example/app:cache", {.reference = "registry.example/app:cache"}},
      {"type=registry,ref=r/c:1", {.reference = "r/c:1"}},
      {"type=local,src=dir,tag=main", {.reference = "", .folder = "dir", .tag = "main"}},
      {"type=local,src=dir,digest=sha256:1", {.reference = "", .folder = "dir", .tag = "", .digest = "sha256:1"}},
  };
  for (const auto& [text, expected] : cases) {
    const auto got = parse_cache_from(text);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(*got, expected) << text;
  }
}

TEST(CacheFlags, WhereACacheIsSent) {
  const std::pair<const char*, CacheTo> cases[] = {
      {"r/c:1", {.reference = "r/c:1"}},
      {"type=registry,ref=r/c:1,mode=min,image-manifest=true,oci-mediatypes=true,compression=gzip",
       {.reference = "r/c:1"}},
      {"type=registry,ref=r/c:1,mode=max,ignore-error=true",
       {.reference = "r/c:1", .all_stages = true, .ignore_errors = true}},
      {"type=local,dest=dir,mode=max", {.folder = "dir", .all_stages = true}},
      {"type=inline", {.in_image = true}},
      {"inline", {.in_image = true}},
  };
  for (const auto& [text, expected] : cases) {
    const auto got = parse_cache_to(text);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(*got, expected) << text;
  }
}

TEST(CacheFlags, WhatIsNotServedIsRefused) {
  const std::pair<const char*, const char*> from[] = {
      {"", "--cache-from is empty (is a variable not set?)"},
      {"type=gha", "--cache-from: type 'gha' is not served (registry, local and, for --cache-to, inline are)"},
      {"type=registry,ref=", "--cache-from: type=registry needs ref= (is a variable not set?)"},
      {"type=local", "--cache-from: type=local needs src="},
      {"type=registry,ref=a,x=1", "--cache-from: the option 'x' is not served"},
      {"type=registry,a", "--cache-from: 'a' is no KEY=VALUE (for a registry: type=registry,ref=HOST/REPOSITORY:TAG)"},
  };
  for (const auto& [text, expected] : from) {
    const auto got = parse_cache_from(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().text(), expected);
  }
  const std::pair<const char*, const char*> to[] = {
      {"type=s3,bucket=b", "--cache-to: type 's3' is not served (registry, local and, for --cache-to, inline are)"},
      {"type=registry,ref=a,mode=all", "--cache-to: mode is min or max, not 'all'"},
      {"type=registry,ref=a,ignore-error=maybe", "--cache-to: ignore-error is true or false, not 'maybe'"},
      {"type=registry,ref=a,image-manifest=false",
       "--cache-to: image-manifest=false is not served (the cache is an OCI image manifest, which registries take)"},
      {"type=registry,ref=a,compression=estargz",
       "--cache-to: compression=estargz is not served (layers of a cache are packed as those of the image)"},
      {"type=inline,mode=max",
       "--cache-to: type=inline has no mode=max (an image holds its own layers alone; type=registry takes those of all "
       "stages)"},
      {"type=local,dest=", "--cache-to: type=local needs dest="},
  };
  for (const auto& [text, expected] : to) {
    const auto got = parse_cache_to(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().text(), expected);
  }
}

TEST(CacheFlags, ARepositoryHoldsOneCacheForEachDockerfile) {
  const auto one = cache_in_repository("r.example:5000/team/cache", "", "");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->substr(0, one->rfind('-')), "r.example:5000/team/cache:scangate");
  EXPECT_EQ(*cache_in_repository("r.example:5000/team/cache", "Dockerfile", ""), *one);
  EXPECT_NE(*cache_in_repository("r.example:5000/team/cache", "other/Dockerfile", ""), *one);
  EXPECT_NE(*cache_in_repository("r.example:5000/team/cache", "Dockerfile", "test"), *one);
  // A job's project lies in another folder on each host.
  EXPECT_EQ(*cache_in_repository("r/c", "/builds/1/app/Dockerfile", ""),
            *cache_in_repository("r/c", "/builds/x/2/app/Dockerfile", ""));
  const auto tagged = cache_in_repository("r/c:1", "", "");
  ASSERT_FALSE(tagged);
  EXPECT_EQ(tagged.error().text(), "the cache 'r/c:1' is no repository (name it without a tag)");
}

TEST(CacheFlags, Ages) {
  EXPECT_EQ(*parse_age("336h"), std::chrono::hours(336));
  EXPECT_EQ(*parse_age("1h30m10s"), std::chrono::seconds(5410));
  EXPECT_EQ(*parse_age("0s"), std::chrono::seconds(0));
  for (const char* text : {"", "h", "5", "5d", "-1h", "99999999999999999999h", "9000000h"}) {
    const auto got = parse_age(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().text(), std::string("'") + text + "' is no duration (write it like 336h)");
  }
}

}  // namespace
}  // namespace scangate::command
