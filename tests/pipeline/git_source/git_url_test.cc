#include "pipeline/git_source/git_url.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

std::string shown(const GitUrl& url) {
  std::string text = url.remote + "|" + url.ref + "|" + url.subfolder;
  if (!url.user.empty() || !url.password.empty()) text += "|login " + url.user + ":" + url.password;
  if (!url.commit.empty()) text += "|commit " + url.commit;
  if (url.keep_git_folder) text += *url.keep_git_folder ? "|keep" : "|drop";
  if (url.submodules) text += *url.submodules ? "|submodules" : "|no submodules";
  return text;
}

std::string parsed(std::string_view text, GitShorthand shorthand = GitShorthand::refused) {
  const auto url = parse_git_url(text, shorthand);
  if (!url) return "error: " + url.error().text();
  return *url ? shown(**url) : "no git address";
}

struct Case {
  const char* text;
  const char* expected;
};

TEST(GitUrl, EveryFormIsReadAsTheReferenceSays) {
  const Case cases[] = {
      {"https://example.org/a/b.git", "https://example.org/a/b.git||"},
      {"https://example.org/a/b.git#main", "https://example.org/a/b.git|main|"},
      {"https://example.org/a/b.git#main:docs/x", "https://example.org/a/b.git|main|docs/x"},
      {"https://example.org/a/b.git#:docs", "https://example.org/a/b.git||docs"},
      {"http://127.0.0.1:8080/b.git#v1.0", "http://127.0.0.1:8080/b.git|v1.0|"},
      {"https://me:p%40ss@example.org/b.git", "https://example.org/b.git|||login me:p@ss"},
      {"https://token@example.org/b.git", "https://example.org/b.git|||login token:"},
      {"git@example.org:a/b.git#dev:sub", "git@example.org:a/b.git|dev|sub"},
      {"git@example.org:a/b", "git@example.org:a/b||"},
      {"ssh://git@example.org:22/a/b#dev", "ssh://git@example.org:22/a/b|dev|"},
      {"git://example.org/a.git", "git://example.org/a.git||"},
      {"https://example.org/b.git?ref=dev&subdir=a/b", "https://example.org/b.git|dev|a/b"},
      {"https://example.org/b.git?branch=dev", "https://example.org/b.git|refs/heads/dev|"},
      {"https://example.org/b.git?tag=v1&commit=ABCDEF0", "https://example.org/b.git|refs/tags/v1||commit abcdef0"},
      {"https://example.org/b.git?keep-git-dir=true&submodules=0", "https://example.org/b.git|||keep|no submodules"},
      {"https://example.org/b.git?ref=dev#dev:x", "https://example.org/b.git|dev|x"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(parsed(each.text), each.expected) << each.text;
}

TEST(GitUrl, OtherTextsAreNoGitAddresses) {
  for (const char* text : {"https://example.org/file.tar.gz", "https://example.org/b.git/file", "dir/file", "a:b",
                           "github.com/a/b", "ftp://example.org/b.git", "-u@h:x", "u@-h:x", "", "@:", "a@b"})
    EXPECT_EQ(parsed(text), "no git address") << text;
}

TEST(GitUrl, GithubWithoutASchemeCountsWhereItIsAllowed) {
  EXPECT_EQ(parsed("github.com/a/b#main", GitShorthand::allowed), "https://github.com/a/b|main|");
}

TEST(GitUrl, MalformedAddressesAreRefused) {
  const Case cases[] = {
      {"https://example.org/b.git#-x", "error: '-x' is not a git ref"},
      {"https://example.org/b.git#a..b", "error: 'a..b' is not a git ref (name a branch, a tag or a full commit id)"},
      {"https:///b.git", "error: the git address has no host"},
      {"ssh://-oProxyCommand=x/b", "error: the git address has no host"},
      {"ssh://u@-oProxyCommand=x/b", "error: the git address has no host"},
      {"ssh://u:p@h/b", "error: the git address has a password, which ssh does not take (use a key of an ssh agent)"},
      {"git://h/", "error: the git address git://h has no path"},
      {"https://h/b.git?ref=", "error: 'ref' in the git address has no value"},
      {"https://h/b.git?ref=a&ref=a", "error: 'ref' is given twice in the git address"},
      {"https://h/b.git?ref=a#b", "error: the git address names both 'b' and 'a'"},
      {"https://h/b.git?submodules=maybe", "error: 'submodules' in the git address is true or false, not 'maybe'"},
      {"https://h/b.git?commit=xyz", "error: 'xyz' is not a commit id"},
      {"https://h/b.git?depth=3",
       "error: the git address has an unknown parameter 'depth' (known: ref, branch, tag, subdir, commit, checksum, "
       "keep-git-dir, submodules)"},
      {"git@h:a b", "error: the git address has blanks or control characters"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(parsed(each.text), each.expected) << each.text;
  const std::string longest = "git@h:" + std::string(kMaxGitUrlBytes - 6, 'a');
  EXPECT_EQ(parsed(longest), longest + "||");
  EXPECT_EQ(parsed(longest + "a"), "error: the git address is longer than 8000 bytes");
}

TEST(GitUrl, HostsForCredentialsKeepTheirPort) {
  const auto host = [](std::string_view text) { return (**parse_git_url(text)).host(); };
  EXPECT_EQ(host("https://u:p@Example.org:8443/b.git"), "example.org:8443");
  EXPECT_EQ(host("git@example.org:a/b"), "example.org");
  EXPECT_EQ(host("ssh://git@example.org/a"), "example.org");
  EXPECT_EQ(host("file:///srv/a"), "");
}

}  // namespace
}  // namespace scangate
