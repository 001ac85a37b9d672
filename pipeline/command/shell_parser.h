#pragma once
// The parser behind parse_shell(); shell_reader.cc reads words, shell_words.cc puts commands together.
// POSIX.1-2017, Shell Command Language, 2.2 Quoting, 2.3 Token Recognition, 2.6 Word Expansions, 2.10 Grammar.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/command/shell_words.h"

namespace scangate::command {

class ShellParser {
 public:
  ShellParser(std::string_view text, ShellScript& out) : text_(text), out_(out) { find_lines(); }

  struct Context {
    bool conditional = false;
    bool subshell = false;
    std::string function;
    int depth = 0;
  };
  // Commands up to the end, or up to the unmatched `)` when `closing` is set; leaves the position behind it.
  Result<void> parse(const Context& context, bool closing);

 private:
  enum class Compound : std::uint8_t { if_, loop, case_, brace };
  struct Frame {
    Compound kind = Compound::brace;
    bool conditional = false;
    bool wants_pattern = false;  // case: at `pattern)`
    std::string function;        // brace: the body of
    std::size_t at = 0;
  };
  struct List {  // one && / || list
    Joiner next = Joiner::first;
    bool tested = false;
  };

  // shell_words.cc
  Result<bool> step(const Context& context, bool closing, std::vector<Frame>& frames, List& list);
  Result<bool> take_keyword(const Context& context, std::vector<Frame>& frames, List& list);
  Result<void> simple_command(const Context& context, std::vector<Frame>& frames, List& list);
  Result<void> after_command(SimpleCommand& command, List& list);
  Result<void> skip_for_head(const Context& context);
  Result<void> skip_case_head(const Context& context);
  Result<void> skip_pattern(const Context& context, std::vector<Frame>& frames);
  Result<void> double_bracket(const Context& context, SimpleCommand& command);
  Result<void> redirection(const Context& context, std::size_t digits, SimpleCommand& command);
  bool assignment_ahead() const;
  std::string_view plain_word_ahead() const;
  bool function_ahead(std::size_t word_end) const;
  void skip_heredocs();

  // shell_reader.cc
  Result<Word> read_word(const Context& context);
  Result<void> double_quoted(const Context& context, Word& word);
  Result<void> single_quoted(Word& word);
  Result<void> ansi_quoted(Word& word);
  Result<void> dollar(const Context& context, Word& word, bool quoted);
  Result<void> braces(Word& word, bool quoted);
  Result<void> command_substitution(const Context& context, Word& word, std::size_t open_size, bool quoted);
  Result<void> backticks(const Context& context, Word& word, bool quoted);
  // Behind the matching `close` for an `open` before `at`, minding quotes.
  Result<std::size_t> skip_nested(std::size_t at, char open, char close, std::size_t begin) const;
  void skip_blanks();

  void find_lines();
  int line_of(std::size_t at) const;
  int column_of(std::size_t at) const;
  Error error_here(std::size_t at, std::string cause) const;
  Result<void> add(Word& word, WordPart part);
  void add_literal(Word& word, std::string_view text, bool quoted);
  bool at_end() const { return pos_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const { return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0'; }
  bool looking_at(std::string_view word) const { return text_.substr(pos_).starts_with(word); }

  std::string_view text_;
  ShellScript& out_;
  std::size_t pos_ = 0;
  std::size_t parts_ = 0;
  std::vector<std::size_t> lines_;
  struct Heredoc {
    std::string delimiter;
    bool strip_tabs = false;
  };
  std::vector<Heredoc> heredocs_;  // announced in this line
};

bool is_shell_name_char(char c, bool first);

}  // namespace scangate::command
