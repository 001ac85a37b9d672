#include "executor/forward/proxy_exception.h"

#include <gtest/gtest.h>

#include "base/process.h"

namespace scangate {
namespace {

TEST(ProxyException, IsAddedWhereTheRunnerExportsTheVariable) {
  const std::pair<const char*, const char*> cases[] = {
      {"export NO_PROXY=a.example\n", "export NO_PROXY=127.0.0.1,a.example\n"},
      {"export no_proxy=\n", "export no_proxy=127.0.0.1,\n"},
      {"export no_proxy=$'a b'\n", "export no_proxy=$'127.0.0.1,a b'\n"},
      {"export no_proxy=''\n", "export no_proxy='127.0.0.1,'\n"},
      {"eval $'export no_proxy=$\\'a,b\\'\\nexport NO_PROXY=\\ncd x'",
       "eval $'export no_proxy=$\\'127.0.0.1,a,b\\'\\nexport NO_PROXY=127.0.0.1,\\ncd x'"},
      {"eval 'export x=1\\nexport NO_PROXY=\"a\"'", "eval 'export x=1\\nexport NO_PROXY=\"127.0.0.1,a\"'"},
      {"export NO_PROXY=", "export NO_PROXY=127.0.0.1,"},
      // What is printed of a line is not changed.
      {"export NO_PROXY=a\necho $'$ export NO_PROXY=b'\nexport NO_PROXY=b\n",
       "export NO_PROXY=127.0.0.1,a\necho $'$ export NO_PROXY=b'\nexport NO_PROXY=127.0.0.1,b\n"},
  };
  for (const auto& [script, expected] : cases)
    EXPECT_EQ(with_proxy_exception(script, "127.0.0.1"), expected);
}

TEST(ProxyException, AScriptOfNothingElseIsDoneInOnePass) {
  constexpr std::size_t kLines = 100'000;
  std::string script;
  for (std::size_t i = 0; i < kLines; ++i)
    script += "export no_proxy=\n";
  EXPECT_EQ(with_proxy_exception(script, "127.0.0.1").size(), script.size() + 10 * kLines);
}

std::string printed(const std::vector<std::string>& environment) {
  SystemProcessRunner runner;
  std::string out;
  const auto exit =
      runner.run({.argv = {"/bin/sh", "-euc",
                           with_proxy_exception("echo $no_proxy $NO_PROXY; env | grep -ci no_proxy", "127.0.0.1")},
                  .environment = environment},
                 Cancel(), [&](Stream, std::string_view text) { out += text; });
  EXPECT_TRUE(exit) << exit.error().text();
  return out;
}

TEST(ProxyException, AddsToWhatTheImageBrings) {
  EXPECT_EQ(printed({"PATH=/usr/bin:/bin"}), "127.0.0.1 127.0.0.1\n2\n");
  EXPECT_EQ(printed({"PATH=/usr/bin:/bin", "NO_PROXY=a,b"}), "127.0.0.1,a,b 127.0.0.1,a,b\n2\n");
  EXPECT_EQ(printed({"PATH=/usr/bin:/bin", "no_proxy=c"}), "127.0.0.1,c 127.0.0.1,c\n2\n");
}

}  // namespace
}  // namespace scangate
