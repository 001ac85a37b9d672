#pragma once
// A template of go_template.h as a tree: text, actions, and blocks with what is in them. Its code is kept as tokens,
// which the evaluator reads.
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::go_template {

struct Token {
  enum class Kind { field, variable, text, number, word, open, close, pipe, assign, comma };
  Kind kind = Kind::word;
  std::string text;  // a field's with its leading dot
};

struct Node {
  enum class Kind { text, action, range, condition, with };
  Kind kind = Kind::text;
  std::string text;
  std::vector<Token> code;
  std::vector<std::string> variables;  // of range
  std::vector<Node> body;
  std::vector<Node> otherwise;
};

// Errors, Fault::user, begin with "--format: ".
tl::unexpected<Error> wrong(std::string cause);
Result<std::vector<Token>> tokens_of(std::string_view code);
// Nested at most kMaxTemplateDepth.
Result<std::vector<Node>> parse(std::string_view format);

}  // namespace scangate::go_template
