#include "executor/gate/go_template_syntax.h"

#include <algorithm>

#include "base/text.h"
#include "executor/gate/go_template.h"

namespace scangate::go_template {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view format) : left_(format) {}

  Result<std::vector<Node>> run() {
    std::string ended;
    SCANGATE_TRY(auto nodes, list(0, ended));
    if (!ended.empty()) return wrong(fmt::format("unexpected {{{{{}}}}}", ended));
    return nodes;
  }

 private:
  // Nodes up to "end", "else" or the format's end, which `ended` tells.
  Result<std::vector<Node>> list(int depth, std::string& ended) {
    if (depth > kMaxTemplateDepth) return wrong(fmt::format("nested deeper than {}", kMaxTemplateDepth));
    std::vector<Node> out;
    while (!left_.empty()) {
      const std::size_t open = left_.find("{{");
      std::string text(left_.substr(0, open));
      if (trim_next_) text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
      trim_next_ = false;
      if (open == std::string_view::npos) {
        left_ = {};
        if (!text.empty()) out.push_back({.kind = Node::Kind::text, .text = std::move(text)});
        break;
      }
      left_.remove_prefix(open + 2);
      const std::size_t close = left_.find("}}");
      if (close == std::string_view::npos) return wrong("'{{' is not closed");
      std::string_view code = left_.substr(0, close);
      left_.remove_prefix(close + 2);
      if (code.starts_with("- ")) {
        code.remove_prefix(2);
        text.erase(text.find_last_not_of(" \t\r\n") + 1);
      }
      if (code.ends_with(" -")) {
        code.remove_suffix(2);
        trim_next_ = true;
      }
      if (!text.empty()) out.push_back({.kind = Node::Kind::text, .text = std::move(text)});
      if (trim(code).starts_with("/*")) continue;
      SCANGATE_TRY(auto tokens, tokens_of(code));
      if (tokens.empty()) return wrong("'{{}}' is empty");
      const std::string word = tokens[0].kind == Token::Kind::word ? tokens[0].text : "";
      if (word == "end" || word == "else") {
        if (tokens.size() > 1) return wrong("'else if' is not served");
        ended = word;
        return out;
      }
      if (word == "range" || word == "if" || word == "with") {
        SCANGATE_TRY(Node node, block(word, std::move(tokens), depth));
        out.push_back(std::move(node));
        continue;
      }
      out.push_back({.kind = Node::Kind::action, .code = std::move(tokens)});
    }
    ended.clear();
    return out;
  }

  Result<Node> block(const std::string& word, std::vector<Token> tokens, int depth) {
    Node node{.kind = word == "range" ? Node::Kind::range : word == "if" ? Node::Kind::condition : Node::Kind::with};
    tokens.erase(tokens.begin());
    const auto assign = std::find_if(tokens.begin(), tokens.end(),
                                     [](const Token& token) { return token.kind == Token::Kind::assign; });
    if (assign != tokens.end()) {
      for (auto token = tokens.begin(); token != assign; ++token)
        if (token->kind == Token::Kind::variable) node.variables.push_back(token->text);
      if (node.kind != Node::Kind::range || node.variables.empty() || node.variables.size() > 2)
        return wrong(fmt::format("variables of '{}' are not served", word));
      tokens.erase(tokens.begin(), assign + 1);
    }
    node.code = std::move(tokens);
    std::string ended;
    SCANGATE_TRY(node.body, list(depth + 1, ended));
    if (ended == "else") {
      SCANGATE_TRY(node.otherwise, list(depth + 1, ended));
    }
    if (ended != "end") return wrong(fmt::format("'{}' has no {{{{end}}}}", word));
    return node;
  }

  std::string_view left_;
  bool trim_next_ = false;
};

}  // namespace

tl::unexpected<Error> wrong(std::string cause) {
  return fail(Error(Fault::user, "--format: " + std::move(cause)));
}

Result<std::vector<Token>> tokens_of(std::string_view code) {
  std::vector<Token> out;
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  for (std::size_t i = 0; i < code.size();) {
    const char c = code[i];
    const auto take_while = [&](auto wanted) {
      const std::size_t begin = i;
      while (i < code.size() && wanted(code[i]))
        ++i;
      return std::string(code.substr(begin, i - begin));
    };
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++i;
    } else if (c == '.' || c == '$') {
      ++i;
      std::string rest = take_while([&](char d) { return is_name(d) || d == '.'; });
      out.push_back({c == '.' ? Token::Kind::field : Token::Kind::variable, c + rest});
    } else if (c == '"' || c == '`') {
      std::string text;
      std::size_t j = i + 1;
      for (; j < code.size() && code[j] != c; ++j) {
        if (c == '"' && code[j] == '\\' && j + 1 < code.size()) {
          ++j;
          text += code[j] == 'n' ? '\n' : code[j] == 't' ? '\t' : code[j];
        } else {
          text += code[j];
        }
      }
      if (j >= code.size()) return wrong("a text is not closed");
      out.push_back({Token::Kind::text, std::move(text)});
      i = j + 1;
    } else if (c == '(' || c == ')' || c == '|' || c == ',') {
      out.push_back({c == '('   ? Token::Kind::open
                     : c == ')' ? Token::Kind::close
                     : c == '|' ? Token::Kind::pipe
                                : Token::Kind::comma,
                     std::string(1, c)});
      ++i;
    } else if (code.substr(i, 2) == ":=") {
      out.push_back({Token::Kind::assign, ":="});
      i += 2;
    } else if ((c >= '0' && c <= '9') || c == '-') {
      ++i;
      out.push_back({Token::Kind::number, c + take_while([](char d) { return d >= '0' && d <= '9'; })});
    } else if (is_name(c)) {
      out.push_back({Token::Kind::word, take_while(is_name)});
    } else {
      return wrong(fmt::format("unexpected '{}'", printable(code.substr(i, 1))));
    }
  }
  return out;
}

Result<std::vector<Node>> parse(std::string_view format) {
  return Parser(format).run();
}

}  // namespace scangate::go_template
