#include "scan/advisory/ranges.h"

#include <gmock/gmock.h>

namespace scangate {
namespace {

using Kind = RangeEvent::Kind;
using testing::ElementsAre;

AffectedVersions ranges(std::vector<VersionRange> list) {
  AffectedVersions affected;
  affected.ranges = std::move(list);
  return affected;
}

TEST(Ranges, Evaluation) {
  struct Row {
    VersionRange range;
    const char* version;
    Affected expected;
  };
  const VersionRange two = {
      {Kind::introduced, "1.0"}, {Kind::fixed, "1.5"}, {Kind::introduced, "2.0"}, {Kind::fixed, "2.3"}};
  const VersionRange shuffled = {
      {Kind::fixed, "2.3"}, {Kind::introduced, "2.0"}, {Kind::fixed, "1.5"}, {Kind::introduced, "1.0"}};
  for (const auto& row : std::vector<Row>{
           {two, "0.9", Affected::no},
           {two, "1.0", Affected::yes},
           {two, "1.4.9", Affected::yes},
           {two, "1.5", Affected::no},
           {two, "2.2", Affected::yes},
           {two, "2.3", Affected::no},
           {shuffled, "1.4.9", Affected::yes},
           {shuffled, "1.7", Affected::no},
           {{{Kind::introduced, "0"}}, "0.0.0", Affected::yes},
           {{{Kind::introduced, "0"}, {Kind::fixed, "0"}}, "1", Affected::no},
           {{{Kind::introduced, "1"}, {Kind::last_affected, "2"}}, "2.0", Affected::yes},
           {{{Kind::introduced, "1"}, {Kind::last_affected, "2"}}, "2.0.1", Affected::no},
           {{{Kind::introduced, "1"}, {Kind::limit, "3"}}, "2", Affected::yes},
           {{{Kind::introduced, "1"}, {Kind::limit, "3"}}, "3", Affected::no},
           {{{Kind::introduced, "1"}, {Kind::fixed, "2"}, {Kind::introduced, "2"}}, "2", Affected::yes},
           {{{Kind::introduced, "not a version"}}, "2", Affected::unclear},
           {{{Kind::introduced, "1"}}, "not a version", Affected::unclear},
           {{}, "1", Affected::no},
       }) {
    const std::string text = encode_affected(ranges({row.range}), VersionScheme::pep440);
    EXPECT_EQ(is_affected(VersionScheme::pep440, row.version, text), row.expected) << text << " with " << row.version;
  }
}

TEST(Ranges, ZeroIsBeforeEveryVersion) {
  const std::string text =
      encode_affected(ranges({{{Kind::introduced, "0"}, {Kind::fixed, "1"}}}), VersionScheme::dpkg);
  EXPECT_EQ(is_affected(VersionScheme::dpkg, "0~~", text), Affected::yes);
}

TEST(Ranges, ListedVersionsCountBesideRangesAndAreKeptOnce) {
  AffectedVersions affected = ranges({{{Kind::introduced, "1"}, {Kind::fixed, "2"}}});
  affected.versions = {"1.1", "1.2", "3.0"};
  const std::string text = encode_affected(affected, VersionScheme::pep440);
  EXPECT_EQ(text, "R\ni1\nf2\nv3.0\n");
  EXPECT_EQ(is_affected(VersionScheme::pep440, "3", text), Affected::yes);
  EXPECT_EQ(is_affected(VersionScheme::pep440, "2.5", text), Affected::no);
  EXPECT_EQ(encode_affected(affected, std::nullopt), "U\ni1\nf2\nv1.1\nv1.2\nv3.0\n");
}

TEST(Ranges, WayOut) {
  const std::string text =
      encode_affected(ranges({{{Kind::introduced, "2"}, {Kind::fixed, "2.4"}},
                              {{Kind::introduced, "0"}, {Kind::fixed, "1.10"}, {Kind::introduced, "1.2"}}}),
                      VersionScheme::pep440);
  EXPECT_THAT(fix_facts(VersionScheme::pep440, "1.1", text).fixed_above, ElementsAre("1.10", "2.4"));
  EXPECT_THAT(fix_facts(VersionScheme::pep440, "2.1", text).fixed_above, ElementsAre("2.4"));
  const std::string last =
      encode_affected(ranges({{{Kind::introduced, "0"}, {Kind::last_affected, "1.5"}}}), VersionScheme::pep440);
  EXPECT_EQ(fix_facts(VersionScheme::pep440, "1.1", last).last_affected, "1.5");
}

}  // namespace
}  // namespace scangate
