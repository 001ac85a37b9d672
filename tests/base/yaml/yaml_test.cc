#include "base/yaml/yaml.h"

#include <gtest/gtest.h>

namespace scangate::yaml {
namespace {

Result<Value> read_one(std::string_view text) {
  Budget budget;
  SCANGATE_TRY(auto documents, read(text, "a.yml", budget, Dialect::gitlab));
  if (documents.empty()) return Value{};
  return documents[0];
}

std::string error_of(std::string_view text) {
  const auto value = read_one(text);
  return value ? "no error" : value.error().text();
}

TEST(Yaml, AScalarIsKeptAsItWasWritten) {
  for (const char* written : {"yes", "Off", "012", "0x1F", "1_000", "1.10", "3.", "1.2.3", "1e3", "word"}) {
    const auto root = read_one(std::string("key: ") + written + "\n");
    ASSERT_TRUE(root) << written;
    EXPECT_EQ(root->find("key")->as_written(), written);
  }
}

TEST(Yaml, OnlyGitlabsDialectKnowsReferences) {
  Budget budget;
  const auto plain = read("key: !reference [a, b]\n", "policy.yaml", budget);
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().text(), "policy.yaml:1:6: unknown YAML tag '!reference'");
}

TEST(Yaml, ScalarsAreTypedAsGitlabTypesThem) {
  struct Case {
    const char* written;
    Value::Kind kind;
    const char* text;
  };
  using Kind = Value::Kind;
  const Case cases[] = {
      {"yes", Kind::boolean, "true"},
      {"Off", Kind::boolean, "false"},
      {"\"yes\"", Kind::string, "yes"},
      {"'012'", Kind::string, "012"},
      {"012", Kind::integer, "10"},
      {"0x1F", Kind::integer, "31"},
      {"1_000", Kind::integer, "1000"},
      {"-7", Kind::integer, "-7"},
      {"089", Kind::string, "089"},
      {"1.10", Kind::real, "1.1"},
      {"3.", Kind::real, "3.0"},
      {"1.2.3", Kind::string, "1.2.3"},
      {"~", Kind::null, ""},
      {"", Kind::null, ""},
      {"null", Kind::null, ""},
      {"!!str 12", Kind::string, "12"},
      {"2024-01-02", Kind::string, "2024-01-02"},
      {"1e3", Kind::real, "1e3"},
      {"e3", Kind::string, "e3"},
      {"99999999999999999999", Kind::integer, "99999999999999999999"},
      {"-", Kind::null, ""},
  };
  for (const Case& c : cases) {
    if (std::string_view(c.written) == "-") continue;
    const auto root = read_one(std::string("key: ") + c.written + "\n");
    ASSERT_TRUE(root) << c.written << ": " << root.error().text();
    const Value* value = root->find("key");
    ASSERT_NE(value, nullptr) << c.written;
    EXPECT_EQ(value->kind, c.kind) << c.written;
    EXPECT_EQ(value->text, c.text) << c.written;
  }
}

TEST(Yaml, EveryValueKnowsItsPlace) {
  const auto root = read_one("a:\n  - x\n  - b: 1\n");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->find("a")->items[0].place.str(), "a.yml:2:5");
  EXPECT_EQ(root->find("a")->items[1].find("b")->place.str(), "a.yml:3:8");
  EXPECT_EQ(root->find("a")->items[1].entries[0].key_place.str(), "a.yml:3:5");
}

TEST(Yaml, MergeKeysGiveWayToExplicitOnesAndTheFirstOfAListWins) {
  const auto root = read_one(
      "a: &a {x: 1, y: 1}\n"
      "b: &b {y: 2, z: 2}\n"
      "c:\n  x: 3\n  <<: [*a, *b]\n"
      "d:\n  <<: *a\n  <<: *b\n"
      "e: {'<<': text}\n");
  ASSERT_TRUE(root) << root.error().text();
  const Value* c = root->find("c");
  EXPECT_EQ(c->find("x")->text, "3");
  EXPECT_EQ(c->find("y")->text, "1");
  EXPECT_EQ(c->find("z")->text, "2");
  EXPECT_EQ(c->find("<<"), nullptr);
  EXPECT_EQ(root->find("d")->find("y")->text, "2");
  EXPECT_EQ(root->find("e")->find("<<")->text, "text");
}

TEST(Yaml, ReferencesKeepTheirPath) {
  const auto root = read_one("script: !reference [.a, script]\n");
  ASSERT_TRUE(root);
  const Value* reference = root->find("script");
  EXPECT_EQ(reference->kind, Value::Kind::reference);
  ASSERT_EQ(reference->items.size(), 2U);
  EXPECT_EQ(reference->items[0].text, ".a");
}

TEST(Yaml, AllDocumentsAreRead) {
  Budget budget;
  const auto documents = read("spec:\n---\na: 1\n", "a.yml", budget);
  ASSERT_TRUE(documents);
  EXPECT_EQ(documents->size(), 2U);
}

TEST(Yaml, ErrorsNameThePlace) {
  EXPECT_EQ(error_of("a: 1\nb: 2\na: 3\n"),
            "a.yml:3:1: key 'a' stands twice, first in line 1 (remove or rename one of them)");
  EXPECT_EQ(error_of("a: &a\n  b: *a\n"),
            "a.yml:2:6: an alias inside the value it names (a value cannot contain itself)");
  EXPECT_EQ(error_of("a: !secret x\n"), "a.yml:1:4: unknown YAML tag '!secret' (GitLab knows !reference only)");
  EXPECT_EQ(error_of("[a]: 1\n"), "a.yml:1:1: a list or map cannot be a key");
  EXPECT_EQ(error_of("<<: 3\n"), "a.yml:1:1: '<<' merges maps, this is a number");
  EXPECT_EQ(error_of("a: [1\n"), "a.yml:2:1: not valid YAML: end of sequence flow not found");
  EXPECT_EQ(error_of("a: \xff\n"), "a.yml: not UTF-8 text");
  EXPECT_EQ(error_of(std::string_view("a: \0\n", 5)), "a.yml: not a text file: it contains zero bytes");
  EXPECT_EQ(error_of("a: *nobody\n"), "a.yml:1:4: not valid YAML: the referenced anchor is not defined");
}

TEST(Yaml, DepthIsCapped) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(read_one(nested(yaml::kMaxDepth)));
  EXPECT_EQ(error_of(nested(yaml::kMaxDepth + 1)), "a.yml:1:101: nested deeper than 100 levels");
  EXPECT_FALSE(read_one(nested(100'000)));
  // Aliases add up.
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i <= 99; ++i)
    text += fmt::format("a{}: &a{} [*a{}]\n", i, i, i - 1);
  EXPECT_EQ(error_of(text), "a.yml:100:12: nested deeper than 100 levels");
}

TEST(Yaml, SizeAndKeysAreCapped) {
  EXPECT_EQ(error_of(std::string(yaml::kMaxBytes + 1, ' ')),
            "a.yml: larger than 2097152 bytes (split it with 'include:')");
  std::string text;
  for (std::size_t i = 0; i < kMaxMapEntries; ++i)
    text += fmt::format("k{}: 1\n", i);
  EXPECT_TRUE(read_one(text));
  EXPECT_EQ(error_of(text + "more: 1\n"), "a.yml:10001:1: a map with more than 10000 keys");
}

TEST(Yaml, AliasBombsEndWithTheBudget) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i <= 9; ++i) {
    text += fmt::format("a{}: &a{} [", i, i);
    for (int j = 0; j < 10; ++j)
      text += fmt::format("{}*a{}", j == 0 ? "" : ", ", i - 1);
    text += "]\n";
  }
  EXPECT_EQ(error_of(text),
            "a.yml:6:40: the configuration grows beyond 1000000 values here (remove aliases, references or includes "
            "that repeat each other)");
}

}  // namespace
}  // namespace scangate::yaml
