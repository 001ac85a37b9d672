#include "pipeline/ci/expression.h"

#include <cstdint>
#include <optional>

#include "base/text.h"
#include "pipeline/ci/regex.h"

namespace scangate::ci {

struct Expression::Node {
  enum class Kind : std::uint8_t { variable, text, null, pattern, equal, not_equal, match, no_match, both, either };
  Kind kind = Kind::null;
  std::string text;
  std::optional<Regex> regex;
  std::unique_ptr<const Node> left;
  std::unique_ptr<const Node> right;
};

namespace {

using Node = Expression::Node;
using NodePtr = std::unique_ptr<const Node>;

struct Token {
  enum class Kind : std::uint8_t { operand, comparison, both, either, open, close, end };
  Kind kind = Kind::end;
  Node::Kind node = Node::Kind::null;
  std::string text;  // without quotes
  std::string_view source;
};

std::string quoted(std::string_view text) {
  return fmt::format("'{}'", printable(text));
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}

  Result<Token> next() {
    rest_ = trim(rest_);
    if (rest_.empty()) return Token{};
    switch (rest_[0]) {
      case '(':
        return take(1, Token::Kind::open);
      case ')':
        return take(1, Token::Kind::close);
      case '"':
      case '\'':
        return string();
      case '$':
        return variable();
      case '/':
        return pattern();
      default:
        break;
    }
    constexpr std::pair<std::string_view, Node::Kind> kComparisons[] = {{"==", Node::Kind::equal},
                                                                        {"!=", Node::Kind::not_equal},
                                                                        {"=~", Node::Kind::match},
                                                                        {"!~", Node::Kind::no_match}};
    for (const auto& [text, kind] : kComparisons)
      if (rest_.starts_with(text)) return take(2, Token::Kind::comparison, kind);
    if (rest_.starts_with("&&")) return take(2, Token::Kind::both);
    if (rest_.starts_with("||")) return take(2, Token::Kind::either);
    if (rest_.starts_with("null") && (rest_.size() == 4 || !is_word(rest_[4])))
      return take(4, Token::Kind::operand, Node::Kind::null);
    return fail(Error(Fault::user, fmt::format("unexpected {}", quoted(word())))
                    .remedy("expected $VARIABLE, \"text\", /regex/, null, ==, !=, =~, !~, && or ||"));
  }

 private:
  static bool is_word(char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  }
  std::string_view word() const { return rest_.substr(0, std::min<std::size_t>(rest_.find_first_of(" \t\n"), 40)); }

  Token take(std::size_t size, Token::Kind kind, Node::Kind node = Node::Kind::null) {
    Token token{kind, node, {}, rest_.substr(0, size)};
    rest_.remove_prefix(size);
    return token;
  }

  Result<Token> string() {
    const std::size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos) return fail(Fault::user, fmt::format("the string {} is not closed", word()));
    std::string text(rest_.substr(1, end - 1));
    Token token = take(end + 1, Token::Kind::operand, Node::Kind::text);
    token.text = std::move(text);
    return token;
  }

  Result<Token> variable() {
    if (rest_.starts_with("${"))
      return fail(Error(Fault::user, fmt::format("{} is not allowed in an expression", quoted(word())))
                      .remedy("write $NAME without braces"));
    std::size_t end = 1;
    while (end < rest_.size() && is_word(rest_[end]))
      ++end;
    if (end == 1) return fail(Fault::user, "a '$' without a variable's name");
    std::string name(rest_.substr(1, end - 1));
    Token token = take(end, Token::Kind::operand, Node::Kind::variable);
    token.text = std::move(name);
    return token;
  }

  Result<Token> pattern() {
    std::size_t end = 1;
    while (end < rest_.size() && rest_[end] != '/')
      end += rest_[end] == '\\' ? 2 : 1;
    if (end >= rest_.size())
      return fail(Error(Fault::user, fmt::format("the regular expression {} is not closed", quoted(word())))
                      .remedy("end it with /"));
    ++end;
    while (end < rest_.size() && std::string_view("ismU").find(rest_[end]) != std::string_view::npos)
      ++end;
    std::string text(rest_.substr(0, end));
    Token token = take(end, Token::Kind::operand, Node::Kind::pattern);
    token.text = std::move(text);
    return token;
  }

  std::string_view rest_;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  Result<NodePtr> parse() {
    SCANGATE_CHECK(advance());
    if (token_.kind == Token::Kind::end) return fail(Fault::user, "the expression is empty");
    SCANGATE_TRY(NodePtr root, either(0));
    if (token_.kind != Token::Kind::end) return fail(unexpected("&& or ||"));
    return root;
  }

 private:
  Result<void> advance() {
    SCANGATE_TRY(token_, lexer_.next());
    return {};
  }
  Error unexpected(std::string_view expected) const {
    if (token_.kind == Token::Kind::end)
      return Error(Fault::user, fmt::format("the expression ends where {} is expected", expected));
    return Error(Fault::user, fmt::format("unexpected {}", quoted(token_.source)))
        .remedy(fmt::format("expected {}", expected));
  }

  static NodePtr join(Node::Kind kind, NodePtr left, NodePtr right) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->left = std::move(left);
    node->right = std::move(right);
    return node;
  }

  Result<NodePtr> either(int depth) {
    SCANGATE_TRY(NodePtr left, both(depth));
    if (token_.kind != Token::Kind::either) return left;
    SCANGATE_CHECK(advance());
    // To the right, so that a long chain is a list and not a deep tree on the left; the order of evaluation is the
    // same.
    if (++chain_ > kMaxChain) return fail(Fault::user, fmt::format("more than {} operators", kMaxChain));
    SCANGATE_TRY(NodePtr right, either(depth));
    return join(Node::Kind::either, std::move(left), std::move(right));
  }

  Result<NodePtr> both(int depth) {
    SCANGATE_TRY(NodePtr left, comparison(depth));
    if (token_.kind != Token::Kind::both) return left;
    SCANGATE_CHECK(advance());
    if (++chain_ > kMaxChain) return fail(Fault::user, fmt::format("more than {} operators", kMaxChain));
    SCANGATE_TRY(NodePtr right, both(depth));
    return join(Node::Kind::both, std::move(left), std::move(right));
  }

  Result<NodePtr> comparison(int depth) {
    SCANGATE_TRY(NodePtr left, operand(depth));
    if (token_.kind != Token::Kind::comparison) return left;
    const Node::Kind kind = token_.node;
    SCANGATE_CHECK(advance());
    SCANGATE_TRY(NodePtr right, operand(depth));
    return join(kind, std::move(left), std::move(right));
  }

  Result<NodePtr> operand(int depth) {
    if (token_.kind == Token::Kind::open) {
      if (depth == kMaxExpressionDepth)
        return fail(Fault::user, fmt::format("parentheses nested deeper than {}", kMaxExpressionDepth));
      SCANGATE_CHECK(advance());
      SCANGATE_TRY(NodePtr inner, either(depth + 1));
      if (token_.kind != Token::Kind::close) return fail(unexpected("')'"));
      SCANGATE_CHECK(advance());
      return inner;
    }
    if (token_.kind != Token::Kind::operand) return fail(unexpected("a variable, text, regular expression or null"));
    auto node = std::make_unique<Node>();
    node->kind = token_.node;
    node->text = token_.text;
    if (node->kind == Node::Kind::pattern) {
      SCANGATE_TRY(node->regex, Regex::parse_slashed(node->text));
    }
    SCANGATE_CHECK(advance());
    return NodePtr(std::move(node));
  }

  // Operators in one expression: the tree's depth, over which evaluation and destruction recurse.
  static constexpr int kMaxChain = 500;
  Lexer lexer_;
  Token token_;
  int chain_ = 0;
};

// Nothing is `null`: not set.
std::optional<std::string_view> text_of(const Node& node, const Variables& variables);
Result<bool> truth(const Node& node, const Variables& variables);

Result<bool> matches(const Node& node, const Variables& variables) {
  const auto text = text_of(*node.left, variables);
  if (!text) return false;
  if (node.right->regex) return node.right->regex->matches(*text);
  const auto pattern = text_of(*node.right, variables);
  // A variable that holds no /…/ matches nothing.
  if (!pattern || !Regex::is_slashed(*pattern)) return false;
  SCANGATE_TRY(const Regex regex, Regex::parse_slashed(*pattern));
  return regex.matches(*text);
}

std::optional<std::string_view> text_of(const Node& node, const Variables& variables) {
  switch (node.kind) {
    case Node::Kind::variable: {
      const Variable* variable = variables.find(node.text);
      return variable == nullptr ? std::nullopt : std::optional<std::string_view>(variable->value);
    }
    case Node::Kind::null:
      return std::nullopt;
    case Node::Kind::text:
    case Node::Kind::pattern:
      return node.text;
    default: {
      // A comparison in parentheses as an operand: "true" or "false", as GitLab's booleans compare.
      const auto value = truth(node, variables);
      return value && *value ? "true" : "false";
    }
  }
}

Result<bool> truth(const Node& node, const Variables& variables) {
  switch (node.kind) {
    case Node::Kind::variable:
    case Node::Kind::text:
    case Node::Kind::null: {
      const auto text = text_of(node, variables);
      return text && !text->empty();
    }
    case Node::Kind::pattern:
      return true;
    case Node::Kind::equal:
      return text_of(*node.left, variables) == text_of(*node.right, variables);
    case Node::Kind::not_equal:
      return text_of(*node.left, variables) != text_of(*node.right, variables);
    case Node::Kind::match:
      return matches(node, variables);
    case Node::Kind::no_match: {
      SCANGATE_TRY(const bool found, matches(node, variables));
      return !found;
    }
    case Node::Kind::both: {
      SCANGATE_TRY(const bool left, truth(*node.left, variables));
      if (!left) return false;
      return truth(*node.right, variables);
    }
    case Node::Kind::either: {
      SCANGATE_TRY(const bool left, truth(*node.left, variables));
      if (left) return true;
      return truth(*node.right, variables);
    }
  }
  return false;
}

}  // namespace

Expression::Expression(std::unique_ptr<const Node> root) : root_(std::move(root)) {}
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

Result<Expression> Expression::parse(std::string_view text) {
  if (text.size() > kMaxExpressionBytes)
    return fail(Fault::user, fmt::format("an expression longer than {} bytes", kMaxExpressionBytes));
  SCANGATE_TRY(auto root, Parser(text).parse());
  return Expression(std::move(root));
}

Result<bool> Expression::holds(const Variables& variables) const {
  return truth(*root_, variables);
}

}  // namespace scangate::ci
