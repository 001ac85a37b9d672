#pragma once
// The lexical layer: parser directives, comments, continuation lines and heredoc bodies.
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/dockerfile/ast.h"

namespace scangate::dockerfile {

// One instruction's text with continuations joined, and the way back from an offset in it to the file.
class LogicalLine {
 public:
  // Appends a piece that starts at `place` in the file.
  void append(std::string_view piece, Place place);
  const std::string& text() const { return text_; }
  Place place_at(std::size_t offset) const;
  int last_line = 0;
  bool empty_continuation = false;
  std::vector<Heredoc> heredocs;

 private:
  struct Piece {
    std::size_t offset;
    Place place;
  };
  std::string text_;
  std::vector<Piece> pieces_;
};

struct LexedFile {
  char escape = '\\';
  std::string syntax;
  std::string check;
  std::vector<LogicalLine> lines;
};

// Errors: Fault::user with place: a bad or repeated directive, a heredoc without its end.
Result<LexedFile> lex_dockerfile(std::string_view text, std::string_view name);

// The heredoc a word begins ("<<EOF", "3<<-'X'"), nullopt when it is none.
std::optional<Heredoc> heredoc_of_word(std::string_view word);

}  // namespace scangate::dockerfile
