#pragma once
// A place in the text of a TOML document that moves on: blanks, comments, line ends and strings, and messages that name
// line and column. What the text means is toml.cc's.
#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate::toml {

class Cursor {
 public:
  // `text` outlives it.
  Cursor(std::string_view text, std::string_view place) : text_(text), place_(place) {}

 protected:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool at_end() const { return at_ >= text_.size(); }
  bool looking_at(std::string_view word) const { return text_.substr(at_).starts_with(word); }

  tl::unexpected<Error> refuse(std::string cause) const { return refuse_at(at_, std::move(cause)); }
  tl::unexpected<Error> refuse_at(std::size_t offset, std::string cause) const;
  // What stands here, for messages.
  std::string found() const;

  void blanks();
  Result<void> comment();
  // True when a line's end was there.
  bool newline();
  // Any of the four kinds of string; a quote stands here.
  Result<std::string> string();

  std::string_view text_;
  std::string_view place_;
  std::size_t at_ = 0;
  int line_ = 1;

 private:
  Result<void> escape(std::string& out, bool multi);
};

}  // namespace scangate::toml
