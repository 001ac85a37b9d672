#include "executor/host/toml.h"

#include <gtest/gtest.h>

namespace scangate::toml {
namespace {

Document read_ok(std::string_view text) {
  auto document = read(text, "config.toml");
  EXPECT_TRUE(document) << (document ? "" : document.error().text());
  return document ? std::move(*document) : Document{.tables = {Table{}}};
}

TEST(Toml, TablesKeepTheirOrderPathAndKind) {
  const auto document = read_ok("a = 1\n[b]\n[[c]]\n[c.d]\nx = 1\n[[c]]\n[c.d]\n[ \"e f\" . 'g' ]  # far\n");
  ASSERT_EQ(document.tables.size(), 7U);
  using Kind = Table::Kind;
  const std::vector<std::pair<Kind, std::vector<std::string>>> expected = {
      {Kind::root, {}},       {Kind::table, {"b"}},      {Kind::element, {"c"}},     {Kind::table, {"c", "d"}},
      {Kind::element, {"c"}}, {Kind::table, {"c", "d"}}, {Kind::table, {"e f", "g"}}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(document.tables[i].kind, expected[i].first) << i;
    EXPECT_EQ(document.tables[i].path, expected[i].second) << i;
  }
  EXPECT_EQ(document.tables[3].line, 4);
}

TEST(Toml, StringsOfEveryKindAreDecoded) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"("plain")", "plain"},
      {R"("tab\t quote\" back\\ e\u00E9 \U0001F600")", "tab\t quote\" back\\ e\xC3\xA9 \xF0\x9F\x98\x80"},
      {R"('C:\raw "x"')", R"(C:\raw "x")"},
      {"\"\"\"\nfirst\nsecond\"\"\"", "first\nsecond"},
      {"\"\"\"a \\\n    b\"\"\"", "a b"},
      {"\"\"\"two quotes\"\"\"\"\"", "two quotes\"\""},
      {"'''\nit's\n# no comment\n[[runners]]\n'''", "it's\n# no comment\n[[runners]]\n"},
      {"''''quoted''''", "'quoted'"},
      {R"("")", ""},
  };
  for (const auto& [written, meant] : cases) {
    const std::string text = "key = " + written + " # comment\nnext = 1\n";
    const auto document = read_ok(text);
    ASSERT_EQ(document.tables[0].entries.size(), 2U) << written;
    const Value& value = document.tables[0].entries[0].value;
    EXPECT_EQ(value.kind, Value::Kind::text);
    EXPECT_EQ(value.text, meant);
    EXPECT_EQ(text.substr(value.span.begin, value.span.end - value.span.begin), written);
  }
}

TEST(Toml, ArraysOfStringsAreReadAcrossLinesAndComments) {
  const auto document =
      read_ok("words = [ # first\n  \"a\", 'b', # ]\n\n  \"c]\",\n]\nmixed = [1, [\"x\"], { y = \"z\" }]\nnone = []\n");
  const auto& entries = document.tables[0].entries;
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].value.kind, Value::Kind::texts);
  EXPECT_EQ(entries[0].value.texts, (std::vector<std::string>{"a", "b", "c]"}));
  EXPECT_EQ(entries[1].value.kind, Value::Kind::other);
  EXPECT_EQ(entries[1].line, 6);
  EXPECT_EQ(entries[2].value.kind, Value::Kind::texts);
}

TEST(Toml, ScalarsAreSkippedWhole) {
  const auto document = read_ok(
      "a = 1_000\nb = -0.5e+3\nc = true\nd = 1979-05-27 07:32:00.5-07:00\ne = 1979-05-27T07:32:00Z\nf = 0xDEAD_beef\ng "
      "= -inf\nh.i = nan\nj = 07:32:00\n");
  EXPECT_EQ(document.tables[0].entries.size(), 9U);
}

TEST(Toml, LinesEndAsTheFirstOneDoes) {
  EXPECT_EQ(read_ok("a = 1\r\nb = 2\r\n").newline, "\r\n");
  EXPECT_EQ(read_ok("a = 1\nb = 2\r\n").newline, "\n");
  EXPECT_EQ(read_ok("\xEF\xBB\xBF"
                    "a = 1")
                .tables[0]
                .entries.size(),
            1U);
}

TEST(Toml, WhatIsNotUnderstoodIsRefusedWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a = 1\na = 2\n", "config.toml:2:1: the key 'a' is there twice"},
      {"[x]\na.b = 1\na . b = 2\n", "config.toml:3:1: the key 'a.b' is there twice"},
      {"[a]\n[a]\n", "config.toml:2:1: the table 'a' is there twice"},
      {"[[r]]\n[r.c]\n[r.c]\n", "config.toml:3:1: the table 'r.c' is there twice"},
      {"[a]\n[[a]]\n", "config.toml:2:1: 'a' is a table above and an array of tables here"},
      {"[[a]]\n[a]\n", "config.toml:2:1: 'a' is an array of tables above and a table here"},
      {"a = \"open\nb = 1\n", "config.toml:1:5: this string does not end on its line"},
      {"a = '''open\nb = 1\n", "config.toml:1:5: this string does not end"},
      {"a = [1, 2\n", "config.toml:2:1: expected ',' or ']' in the array, found the end of the file"},
      {"a = [1 2]\n", "config.toml:1:8: expected ',' or ']' in the array, found '2'"},
      {"a = {b = 1,\n c = 2}\n", "config.toml:1:12: expected a key, found the end of the line"},
      {"a = {b = 1, b = 2}\n", "config.toml:1:13: the key 'b' is there twice"},
      {"a = bare\n", "config.toml:1:5: 'bare' is no value: a text needs quotes"},
      {"a = \n", "config.toml:1:5: expected a value, found the end of the line"},
      {"a 1\n", "config.toml:1:3: expected '=' after the key, found '1'"},
      {"= 1\n", "config.toml:1:1: expected a key, found '='"},
      {"a = 1 b = 2\n", "config.toml:1:7: expected the end of the line, found 'b'"},
      {"[a\n", "config.toml:1:3: expected ']' after the table's name, found the end of the line"},
      {"[[a]\n", "config.toml:1:4: expected ']]' after the table's name, found ']'"},
      {"[a] b = 1\n", "config.toml:1:5: expected the end of the line, found 'b'"},
      {"[ [a] ]\n", "config.toml:1:3: expected a key, found '['"},
      {"a = \"\\q\"\n", "config.toml:1:6: unknown escape in a string"},
      {"a = \"\\u12\"\n", "config.toml:1:6: \\u needs 4 hexadecimal digits"},
      {"a = \"\\uD800\"\n", "config.toml:1:6: this escape is no Unicode character"},
      {"a = \"x\x01\"\n", "config.toml:1:7: a control character in a string"},
      {"# x\x07\n", "config.toml:1:4: a control character in a comment"},
      {"\"\"\"a\"\"\" = 1\n", "config.toml:1:1: a key cannot be a multi-line string"},
      {"a = 1\rb = 2\n", "config.toml:1:6: expected the end of the line, found a carriage return alone"},
      {"a = \"\xFF\"\n", "config.toml: not UTF-8, which TOML must be"},
  };
  for (const auto& [text, message] : cases) {
    const auto document = read(text, "config.toml");
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error().text(), message);
    EXPECT_EQ(document.error().fault(), Fault::user);
  }
}

TEST(Toml, NestingEndsAtTheCap) {
  const auto nested = [](int depth) {
    return "a = " + std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']') + "\n";
  };
  EXPECT_TRUE(read(nested(kMaxTomlDepth + 1), "config.toml"));
  const auto deeper = read(nested(kMaxTomlDepth + 2), "config.toml");
  ASSERT_FALSE(deeper);
  EXPECT_EQ(deeper.error().text(), "config.toml:1:70: nested deeper than 64");
}

TEST(Toml, SizeEndsAtTheCap) {
  EXPECT_TRUE(read(std::string(kMaxTomlBytes, '\n'), "config.toml"));
  const auto larger = read(std::string(kMaxTomlBytes + 1, '\n'), "config.toml");
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().text(), "config.toml: larger than 4194304 bytes");
}

TEST(Toml, WrittenStringsAreReadBackAsTheyWere) {
  const std::string odd = "a \"b\" \\ \n\t\x7F\x01 \xC3\xA9";
  const auto document =
      read_ok("a = " + basic_string(odd) + "\nb = " + basic_string(std::vector<std::string>{odd, "", "x"}) + "\n");
  EXPECT_EQ(document.tables[0].entries[0].value.text, odd);
  EXPECT_EQ(document.tables[0].entries[1].value.texts, (std::vector<std::string>{odd, "", "x"}));
}

}  // namespace
}  // namespace scangate::toml
