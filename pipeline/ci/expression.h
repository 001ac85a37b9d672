#pragma once
// The expressions of `rules:if` and `only:variables`.
// https://docs.gitlab.com/ci/jobs/job_rules/#cicd-variable-expressions
#include <memory>
#include <string_view>

#include "base/error.h"
#include "pipeline/ci/variables.h"

namespace scangate::ci {

// Longer ones are refused; the longest we know of has 1 kB.
inline constexpr std::size_t kMaxExpressionBytes = 16U << 10U;
// Parentheses nested deeper are refused: evaluation recurses.
inline constexpr int kMaxExpressionDepth = 100;

// `$NAME`, "text", 'text', null, /regex/flags with ==, !=, =~, !~, &&, ||, parentheses; && binds stronger than ||. A
// bare variable holds when it is set and not empty. `${NAME}` is refused, as GitLab does.
class Expression {
 public:
  // Fault::user with the offending piece and what is expected.
  static Result<Expression> parse(std::string_view text);
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();
  // Compares expanded values. Fault::user when a variable used as a pattern holds an invalid one.
  Result<bool> holds(const Variables& variables) const;

  struct Node;

 private:
  explicit Expression(std::unique_ptr<const Node> root);
  std::unique_ptr<const Node> root_;
};

}  // namespace scangate::ci
