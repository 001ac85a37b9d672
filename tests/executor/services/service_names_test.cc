#include "executor/services/service_names.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

using Names = std::vector<std::string>;

TEST(ServiceNames, AreAliasesThenTheFormsOfTheImagesName) {
  const struct {
    std::string image;
    Names aliases, expected;
  } cases[] = {
      {"postgres", {}, {"postgres"}},
      {"postgres:15-alpine", {"db", "db.test"}, {"db", "db.test", "postgres"}},
      {"tutum/wordpress:latest", {}, {"tutum__wordpress", "tutum-wordpress"}},
      {"registry.example:5000/group/db:1",
       {},
       {"registry.example__group__db", "registry.example-group-db", "group__db", "group-db"}},
      {"localhost/db@sha256:abc", {"db"}, {"db", "localhost__db", "localhost-db"}},
      {"redis", {"redis", "bad name", "", "a\nb"}, {"redis"}},
  };
  for (const auto& one : cases)
    EXPECT_EQ(service_names(one.image, one.aliases), one.expected) << one.image;
}

TEST(HostsFile, HoldsServicesAndTheHostsOwnNamesButNotItsLoopback) {
  EXPECT_EQ(hosts_file("# comment\n127.0.0.1 localhost\n127.0.1.1 machine\n::1 ip6-localhost\n10.0.0.7 internal\n",
                       "runner", {"db", "cache"}),
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\trunner\n"
            "127.0.0.1\tdb\n127.0.0.1\tcache\n10.0.0.7 internal\n");
}

}  // namespace
}  // namespace scangate
