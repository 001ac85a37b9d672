#include "pipeline/dockerfile/expand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace scangate::dockerfile {
namespace {

std::optional<std::string> value_of(std::string_view name) {
  static const std::map<std::string, std::string, std::less<>> values{
      {"V", "value"}, {"E", ""}, {"P", "/a/b/c.tar.gz"}, {"S", "one two"}, {"U", "\xC3\xA4\xC3\xB6x"}, {"star", "a*b"}};
  const auto found = values.find(name);
  if (found == values.end()) return std::nullopt;
  return found->second;
}

struct Row {
  std::string word;
  std::string result;  // "!message" for an error
};
class Expansion : public ::testing::TestWithParam<Row> {};

TEST_P(Expansion, GivesTheText) {
  auto result = expand_word(GetParam().word, value_of, '\\');
  EXPECT_EQ(result ? *result : "!" + result.error().text(), GetParam().result);
}

INSTANTIATE_TEST_SUITE_P(
    Words, Expansion,
    ::testing::Values(
        Row{"plain", "plain"}, Row{"$V", "value"}, Row{"${V}", "value"}, Row{"x$V.y", "xvalue.y"}, Row{"$VV", ""},
        Row{"$", "$"}, Row{"a$", "a$"}, Row{"$ x", "$ x"}, Row{"\\$V", "$V"}, Row{"\\\\$V", "\\value"},
        Row{"'$V'", "$V"}, Row{"\"$V\"", "value"}, Row{"\"\\$V\"", "$V"}, Row{"\"a\\b\"", "a\\b"},
        Row{"'a\\b'", "a\\b"}, Row{"a\\b", "ab"}, Row{"\"a'b\"", "a'b"}, Row{"'a\"b'", "a\"b"}, Row{"a\\", "a"},
        Row{"\"a\\\"b\"", "a\"b"}, Row{"a b  c", "a b  c"}, Row{"$1x", "x"}, Row{"${10}", ""}, Row{"$@x", "x"},
        Row{"${V:-d}", "value"}, Row{"${E:-d}", "d"}, Row{"${E-d}", ""}, Row{"${N-d}", "d"}, Row{"${N:-d}", "d"},
        Row{"${N:-$V}", "value"}, Row{"${N:-${M:-${V}}}", "value"}, Row{"${N:-'a}b'}", "a}b"},
        Row{"${N:-a\\}b}", "a}b"}, Row{"${V:+w}", "w"}, Row{"${E:+w}", ""}, Row{"${E+w}", "w"}, Row{"${N+w}", ""},
        Row{"${V:?x}", "value"}, Row{"${V?x}", "value"}, Row{"${E?x}", ""}, Row{"${N:?is needed}", "!N: is needed"},
        Row{"${N?}", "!N: must be set"}, Row{"${E:?}", "!E: must not be empty"}, Row{"${P#*/}", "a/b/c.tar.gz"},
        Row{"${P##*/}", "c.tar.gz"}, Row{"${P%.*}", "/a/b/c.tar"}, Row{"${P%%.*}", "/a/b/c"},
        Row{"${P#x}", "/a/b/c.tar.gz"}, Row{"${V#?}", "alue"}, Row{"${U#?}", "\xC3\xB6x"}, Row{"${V%?}", "valu"},
        Row{"${star#a\\*}", "b"}, Row{"${V#a\\*}", "value"}, Row{"${P/a/x}", "/x/b/c.tar.gz"},
        Row{"${P//a/x}", "/x/b/c.txr.gz"}, Row{"${P/\\//-}", "-a/b/c.tar.gz"}, Row{"${P//\\//-}", "-a-b-c.tar.gz"},
        Row{"${V/l*/X}", "vaX"}, Row{"${V//?/z}", "zzzzz"}, Row{"${N/a/b}", ""}, Row{"${V/a/$S}", "vone twolue"},
        Row{"${", "!a substitution has no closing '}'"}, Row{"${V", "!a substitution has no closing '}'"},
        Row{"${}", "!a substitution has no variable name"}, Row{"${:-x}", "!a substitution has no variable name"},
        Row{"${V:x}", "!unsupported modifier ':x' in a substitution"},
        Row{"${V!x}", "!unsupported modifier '!' in a substitution"},
        Row{"${V/a}", "!a substitution has no second '/'"}, Row{"${N:-x", "!a substitution has no closing '}'"},
        Row{"'open", "!a single quote has no closing one"}, Row{"\"open", "!a double quote has no closing one"},
        Row{"${V#\\q}", "!invalid pattern '\\q': \\ may stand before * ? \\ } and / only"}));

TEST(Expansion, TheOtherEscapeCharacter) {
  EXPECT_EQ(*expand_word("C:\\dir\\$V `$V", value_of, '`'), "C:\\dir\\value $V");
}

TEST(Expansion, HeredocTextKeepsItsQuotes) {
  EXPECT_EQ(*expand_word("'$V' \"$V\" \\$V \\n", value_of, '\\', Quotes::keep), "'value' \"value\" $V \\n");
}

TEST(Expansion, SplitsAfterExpandingButNotInsideQuotes) {
  EXPECT_THAT(*expand_words("$S \"$S\" a\\ b ''", value_of, '\\'),
              ::testing::ElementsAre("one", "two", "one two", "a b"));
}

TEST(Expansion, NestingIsCapped) {
  const auto nested = [](int depth) {
    std::string word;
    for (int i = 0; i < depth; ++i)
      word += "${N:-";
    return word + "x" + std::string(static_cast<std::size_t>(depth), '}');
  };
  EXPECT_EQ(*expand_word(nested(kMaxExpansionDepth), value_of, '\\'), "x");
  auto deep = expand_word(nested(kMaxExpansionDepth + 1), value_of, '\\');
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().text(), "substitutions are nested deeper than 64 levels");
}

TEST(Expansion, SizeIsCapped) {
  const std::string big(kMaxExpandedBytes / 2, 'x');
  const Lookup lookup = [&](std::string_view) { return big; };
  EXPECT_TRUE(expand_word("$a$a", lookup, '\\'));
  auto over = expand_word("$a${a}y", lookup, '\\');
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().text(), "the expansion is longer than 1048576 bytes");
}

TEST(Expansion, QuadraticSubstitutionsStop) {
  const std::string big(1024 * 512, 'x');
  auto result = expand_word("${a//*y/z}", [&](std::string_view) { return big; }, '\\');
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text(), "the substitution needs more than 20000000 steps");
}

}  // namespace
}  // namespace scangate::dockerfile
