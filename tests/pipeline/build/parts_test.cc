#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "pipeline/build/accounts.h"
#include "pipeline/build/copy_place.h"
#include "pipeline/build/paths.h"
#include "pipeline/build/stage_state.h"

namespace scangate::build {
namespace {

class FakeTree final : public PathLookup {
 public:
  explicit FakeTree(std::map<std::string, std::string> links) : links_(std::move(links)) {}
  Result<std::optional<PathNode>> node(const std::string& path) override {
    const auto found = links_.find(path);
    if (found == links_.end()) return std::nullopt;
    PathNode node;
    node.type = EntryType::symlink;
    node.link_target = found->second;
    return node;
  }

 private:
  std::map<std::string, std::string> links_;
};

TEST(ResolvePath, FollowsLinksInsideTheRoot) {
  FakeTree tree({{"a", "/b"}, {"c/d", "../e/./f"}, {"up", "../../.."}, {"x", "a/y"}});
  EXPECT_EQ(*resolve_path(tree, "/a/z"), "b/z");
  EXPECT_EQ(*resolve_path(tree, "c/d/g"), "e/f/g");
  EXPECT_EQ(*resolve_path(tree, "up/etc"), "etc");
  EXPECT_EQ(*resolve_path(tree, "x"), "b/y");
  EXPECT_EQ(*resolve_path(tree, "c//./d/../k"), "e/k");
}

TEST(ResolvePath, LoopsEnd) {
  FakeTree tree({{"a", "b"}, {"b", "a"}});
  EXPECT_EQ(resolve_path(tree, "a").error().text(), "'a' leads through more than 40 symlinks");
}

TEST(PathInRoot, StaysInside) {
  EXPECT_EQ(path_in_root("/a/../b/"), "b");
  EXPECT_EQ(path_in_root("../../x"), "x");
  EXPECT_EQ(path_in_root("/"), "");
}

const Accounts kAccounts{"root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:\n7:x:70:71::/seven:\nbroken\n",
                         "root:x:0:\nstaff:x:50:other,app\n"};

TEST(Accounts, OwnersByNameAndNumber) {
  EXPECT_EQ(*parse_owner("app", kAccounts), (Owner{1000, 1001}));
  EXPECT_EQ(*parse_owner("app:staff", kAccounts), (Owner{1000, 50}));
  EXPECT_EQ(*parse_owner("5", kAccounts), (Owner{5, 5}));
  EXPECT_EQ(*parse_owner("5:6", kAccounts), (Owner{5, 6}));
  EXPECT_EQ(*parse_owner(":staff", kAccounts), (Owner{0, 50}));
  EXPECT_EQ(parse_owner("bob", kAccounts).error().text(), "the image has no user 'bob'");
  EXPECT_EQ(parse_owner("app:crew", kAccounts).error().text(), "the image has no group 'crew'");
  EXPECT_EQ(parse_owner("99999999999", kAccounts).error().text(), "the image has no user '99999999999'");
}

TEST(Accounts, RunUsersGetTheirGroupsAndHome) {
  const auto app = *parse_run_user("app", kAccounts);
  EXPECT_EQ(app.owner, (Owner{1000, 1001}));
  EXPECT_THAT(app.groups, ::testing::ElementsAre(1001, 50));
  EXPECT_EQ(app.home, "/home/app");
  EXPECT_EQ(parse_run_user("1000", kAccounts)->owner, (Owner{1000, 1001}));
  EXPECT_EQ(parse_run_user("12", kAccounts)->owner, (Owner{12, 0}));
  EXPECT_EQ(parse_run_user("7", kAccounts)->owner, (Owner{70, 71}));  // a name that looks like a number
  EXPECT_EQ(parse_run_user("", kAccounts)->home, "/root");
  EXPECT_THAT(parse_run_user("app:root", kAccounts)->groups, ::testing::ElementsAre(0));
}

TEST(Environment, SetReplacesInPlace) {
  std::vector<std::string> environment{"A=1", "AB=2"};
  set_environment(environment, "A", "3");
  set_environment(environment, "C", "");
  EXPECT_THAT(environment, ::testing::ElementsAre("A=3", "AB=2", "C="));
  EXPECT_EQ(environment_value(environment, "AB"), "2");
  EXPECT_EQ(environment_value(environment, "B"), std::nullopt);
}

}  // namespace
}  // namespace scangate::build
