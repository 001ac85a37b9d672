#include "scan/advisory/osv_document.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

std::string error_of(const std::string& text) {
  OsvParser parser;
  const auto document = parser.parse(text, "x.json");
  if (document) return *document ? "a document" : "no document";
  return document.error().text();
}

std::string with(const std::string& fields) {
  return R"({"id":"A-1","modified":"2026-01-01T00:00:00Z",)" + fields + "}";
}

TEST(OsvDocument, OtherJsonIsNone) {
  for (const char* text : {"1", "null", "[]", "{}", R"({"id":"A-1"})", R"({"id":7,"modified":"x"})"})
    EXPECT_EQ(error_of(text), "no document") << text;
}

TEST(OsvDocument, WrongShapesAreRefusedWithTheirPlace) {
  EXPECT_EQ(error_of(with(R"("aliases":{})")), "x.json: 'aliases' is not an array");
  EXPECT_EQ(error_of(with(R"("aliases":[1])")), "x.json: 'aliases' holds a bad id");
  EXPECT_EQ(error_of(with(R"("aliases":["a\u0000b"])")), "x.json: 'aliases' holds a bad id");
  EXPECT_EQ(error_of(with(R"("affected":[1])")), "x.json: 'affected' holds something other than objects");
  EXPECT_EQ(error_of(with(R"("affected":[{"package":{"name":"a"}}])")),
            "x.json: an affected package has no usable name or ecosystem");
  EXPECT_EQ(error_of(with(R"("affected":[{"package":{"name":"a","ecosystem":"npm"},"ranges":[{"type":"SEMVER"}]}])")),
            "x.json: a range has no 'events'");
  EXPECT_EQ(error_of(with(R"("affected":[{"package":{"name":"a","ecosystem":"npm"},"versions":["1\n2"]}])")),
            "x.json: a version is empty, too long or holds control characters");
  EXPECT_EQ(error_of(R"({"id":"a b","modified":"x"})"), "x.json: 'id' is empty, too long or holds spaces");
}

TEST(OsvDocument, CapsHold) {
  const auto list = [](std::size_t count) {
    std::string text = R"("aliases":[)";
    for (std::size_t i = 0; i < count; ++i)
      text += (i == 0 ? "\"C\"" : ",\"C\"");
    return text + "]";
  };
  EXPECT_EQ(error_of(with(list(kMaxOsvIds))), "a document");
  EXPECT_EQ(error_of(with(list(kMaxOsvIds + 1))), "x.json: 'aliases' holds more than 5000 ids");
  const auto events = [](std::size_t count) {
    std::string text = R"("affected":[{"package":{"name":"a","ecosystem":"npm"},"ranges":[{"type":"SEMVER","events":[)";
    for (std::size_t i = 0; i < count; ++i)
      text += (i == 0 ? R"({"introduced":"0"})" : R"(,{"introduced":"0"})");
    return text + "]}]}]";
  };
  EXPECT_EQ(error_of(with(events(kMaxOsvEvents))), "a document");
  EXPECT_EQ(error_of(with(events(kMaxOsvEvents + 1))), "x.json: a range holds more than 10000 events");
  EXPECT_TRUE(error_of(std::string(100'000, '[')).starts_with("x.json: not valid JSON: "));
}

TEST(OsvDocument, ReadsWhatCounts) {
  OsvParser parser;
  const auto parsed = parser.parse(with(R"("aliases":["CVE-1"],"upstream":null,"withdrawn":"2026-01-02T00:00:00Z",
    "database_specific":{"severity":"LOW"},"affected":[
      {"package":{"name":"a","ecosystem":"Go"},"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]},
      {"package":{"name":"b","ecosystem":"npm"}},
      {"package":{"name":"c","ecosystem":"npm"},"versions":["1.0"]}])"),
                                   "x.json");
  ASSERT_TRUE(parsed && *parsed);
  const OsvDocument& document = **parsed;
  EXPECT_TRUE(document.withdrawn);
  EXPECT_EQ(document.severity_word, "LOW");
  ASSERT_EQ(document.affected.size(), 3U);
  EXPECT_TRUE(document.affected[0].git_only);
  EXPECT_TRUE(document.affected[1].versions.all);
  EXPECT_FALSE(document.affected[2].versions.all);
}

}  // namespace
}  // namespace scangate
