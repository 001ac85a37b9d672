#include "pipeline/ci/expression.h"

#include <gtest/gtest.h>

namespace scangate::ci {
namespace {

Variables some_variables() {
  Variables variables;
  variables.set("BRANCH", "main", VariableOrigin::job);
  variables.set("TAG", "v1.2.3", VariableOrigin::job);
  variables.set("EMPTY", "", VariableOrigin::job);
  variables.set("PATTERN", "/^V\\d/i", VariableOrigin::job);
  variables.set("PLAIN", "v1", VariableOrigin::job);
  return variables;
}

TEST(Expression, HoldsAsInGitlab) {
  const std::pair<const char*, bool> cases[] = {
      {"$BRANCH", true},
      {"$EMPTY", false},
      {"$MISSING", false},
      {"$BRANCH == \"main\"", true},
      {"$BRANCH == 'main'", true},
      {"\"main\" == $BRANCH", true},
      {"$BRANCH != \"main\"", false},
      {"$MISSING == null", true},
      {"$EMPTY == null", false},
      {"$EMPTY == \"\"", true},
      {"$MISSING != null", false},
      {"$MISSING == \"\"", false},
      {"$TAG =~ /^v\\d+\\./", true},
      {"$TAG =~ /^V/", false},
      {"$TAG =~ /^V/i", true},
      {"$TAG !~ /^v/", false},
      {"$MISSING =~ /x/", false},
      {"$MISSING !~ /x/", true},
      {"$TAG =~ $PATTERN", true},
      {"$TAG =~ $PLAIN", false},
      {"$TAG =~ /a\\/b|v1/", true},
      {"$MISSING || $BRANCH", true},
      {"$MISSING && $BRANCH", false},
      {"$BRANCH && $MISSING || $TAG", true},
      {"$TAG || $BRANCH && $MISSING", true},
      {"($TAG || $BRANCH) && $MISSING", false},
      {"$BRANCH == \"main\" && ($TAG =~ /^v/ || $MISSING)", true},
      {"$BRANCH==\"main\"&&$TAG", true},
  };
  const Variables variables = some_variables();
  for (const auto& [text, expected] : cases) {
    const auto expression = Expression::parse(text);
    ASSERT_TRUE(expression) << text << ": " << expression.error().text();
    const auto holds = expression->holds(variables);
    ASSERT_TRUE(holds) << text;
    EXPECT_EQ(*holds, expected) << text;
  }
}

TEST(Expression, ErrorsSayWhatIsExpected) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "the expression is empty"},
      {"${BRANCH} == \"x\"", "'${BRANCH}' is not allowed in an expression (write $NAME without braces)"},
      {"$A = \"x\"", "unexpected '=' (expected $VARIABLE, \"text\", /regex/, null, ==, !=, =~, !~, && or ||)"},
      {"$A ==", "the expression ends where a variable, text, regular expression or null is expected"},
      {"$A $B", "unexpected '$B' (expected && or ||)"},
      {"($A", "the expression ends where ')' is expected"},
      {"$A == \"x", "the string \"x is not closed"},
      {"$A =~ /x", "the regular expression '/x' is not closed (end it with /)"},
      {"$A =~ /(/", "invalid regular expression '(': missing ): ("},
      {"&& $A", "unexpected '&&' (expected a variable, text, regular expression or null)"},
  };
  for (const auto& [text, message] : cases) {
    const auto expression = Expression::parse(text);
    ASSERT_FALSE(expression) << text;
    EXPECT_EQ(expression.error().text(), message) << text;
  }
}

TEST(Expression, NestingAndLengthAreCapped) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '(') + "$A" + std::string(static_cast<std::size_t>(depth), ')');
  };
  EXPECT_TRUE(Expression::parse(nested(kMaxExpressionDepth)));
  EXPECT_FALSE(Expression::parse(nested(kMaxExpressionDepth + 1)));
  std::string chain = "$A";
  for (int i = 0; i < 500; ++i)
    chain += "||$A";
  EXPECT_TRUE(Expression::parse(chain));
  EXPECT_FALSE(Expression::parse(chain + "||$A"));
  EXPECT_FALSE(Expression::parse(std::string(kMaxExpressionBytes + 1, ' ')));
}

}  // namespace
}  // namespace scangate::ci
