// The files a package puts below /etc say what applies without them, so that installing changes nothing.
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/text.h"
#include "executor/settings/settings.h"
#include "scan/policy/policy.h"

namespace scangate {
namespace {

// Without comments and empty lines.
std::string bare(std::string_view yaml) {
  std::string out;
  for (const auto& line : split(yaml, '\n'))
    if (!trim(line).empty() && !trim(line).starts_with('#')) out += line + "\n";
  return out;
}

TEST(PackagedPolicy, IsTheBuiltInOne) {
  const auto file = read_file(SCANGATE_SOURCE_DIR "/packaging/etc/policy.yaml", 1U << 20U);
  ASSERT_TRUE(file);
  ASSERT_TRUE(Policy::parse(*file, "policy.yaml"));
  EXPECT_EQ(bare(*file), bare(Policy::builtin_default_yaml()));
}

TEST(PackagedConfiguration, SetsOnlyThePolicyFile) {
  const auto file = read_file(SCANGATE_SOURCE_DIR "/packaging/etc/config.yaml", 1U << 20U);
  ASSERT_TRUE(file);
  EXPECT_EQ(bare(*file), "policy: /etc/scangate/policy.yaml\n");
  ASSERT_TRUE(parse_settings(*file, "config.yaml", {}));
}

TEST(PackagedConfiguration, WhatItSuggestsInCommentsIsKnown) {
  const auto file = read_file(SCANGATE_SOURCE_DIR "/packaging/etc/config.yaml", 1U << 20U);
  ASSERT_TRUE(file);
  // A suggestion is a comment without a blank behind its sign, or, further in, with more than one.
  std::string all;
  for (const auto& line : split(*file, '\n')) {
    if (line.starts_with('#') && line.size() > 1 && (line[1] != ' ' || line.starts_with("#  ")))
      all += line.substr(1) + "\n";
    else if (!line.starts_with('#'))
      all += line + "\n";
  }
  const auto settings = parse_settings(all, "config.yaml", {});
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->store, "/var/lib/scangate");
}

}  // namespace
}  // namespace scangate
