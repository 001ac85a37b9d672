#include "pipeline/build/file_mode.h"

#include <gtest/gtest.h>

namespace scangate::build {
namespace {

struct Case {
  const char* text;
  unsigned before;
  unsigned file;
  unsigned folder;
};

// What chmod(1) of FreeBSD makes of them, with a umask of 0: the reference names it.
TEST(ModeChange, ChangesAsChmodDoes) {
  const Case cases[] = {
      {"644", 0755, 0644, 0644},
      {"04755", 0600, 04755, 04755},
      {"0", 0777, 0, 0},
      {"+x", 0644, 0755, 0755},
      {"a+x", 0644, 0755, 0755},
      {"u+x", 0644, 0744, 0744},
      {"u=rwX,go=rX", 0600, 0644, 0755},
      {"u=rwX,go=rX", 0700, 0755, 0755},
      {"u=rwX,go=rX", 0610, 0755, 0755},
      {"+X", 0600, 0600, 0711},
      {"a-w", 0777, 0555, 0555},
      {"go-rwx", 0777, 0700, 0700},
      {"g=u", 0640, 0660, 0660},
      {"o=g,g=", 0650, 0605, 0605},
      {"u=g", 0741, 0441, 0441},
      {"u+s", 0755, 04755, 04755},
      {"g+s", 0755, 02755, 02755},
      {"+t", 0755, 01755, 01755},
      {"ug=rw,o=", 0777, 0660, 0660},
      {"=r", 07777, 0444, 0444},
      {"u+x-w", 0644, 0544, 0544},
      {"a=", 0755, 0, 0},
      {"u=rw,u+x", 0000, 0700, 0700},
  };
  for (const Case& each : cases) {
    const auto change = ModeChange::parse(each.text);
    ASSERT_TRUE(change) << each.text;
    EXPECT_EQ(change->apply(each.before, ModeChange::Kind::other), each.file) << each.text;
    EXPECT_EQ(change->apply(each.before, ModeChange::Kind::folder), each.folder) << each.text;
  }
}

TEST(ModeChange, WhatIsNoModeIsRefused) {
  for (const char* text : {"", "888", "77777", "755555", "u", "u+y", "+", "x+", "u+x,", ",", "rwx", "-1", "u+gx"}) {
    const auto change = ModeChange::parse(text);
    if (std::string_view(text) == "+") {
      EXPECT_TRUE(change) << "an operator without permissions changes nothing";
      continue;
    }
    ASSERT_FALSE(change) << text;
    EXPECT_EQ(change.error().text(), fmt::format("'{}' is not a mode (write an octal mode such as 755 or a symbolic "
                                                 "one such as u=rwX,go=rX)",
                                                 text));
  }
  EXPECT_TRUE(ModeChange::parse("+" + std::string(kMaxModeBytes - 1, 'x')));
  EXPECT_FALSE(ModeChange::parse("+" + std::string(kMaxModeBytes, 'x')));
}

}  // namespace
}  // namespace scangate::build
