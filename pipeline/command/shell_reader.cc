#include <algorithm>

#include "pipeline/command/shell_parser.h"

namespace scangate::command {
namespace {

// What ends an unquoted word.
bool ends_word(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '&' || c == '|' || c == '<' || c == '>' ||
         c == '(' || c == ')';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// One escape of $'…' at text[at] == '\\'; moves `at` behind it.
std::string ansi_escape(std::string_view text, std::size_t& at) {
  const char c = text[at + 1];
  at += 2;
  constexpr std::string_view kFrom = "abeEfnrtv";
  constexpr std::string_view kTo = "\a\b\x1b\x1b\f\n\r\t\v";
  if (const auto found = kFrom.find(c); found != std::string_view::npos) return std::string(1, kTo[found]);
  const auto number = [&](int base, int most) {
    int value = 0;
    for (int i = 0; i < most && at < text.size(); ++i) {
      const int digit = hex_digit(text[at]);
      if (digit < 0 || digit >= base) break;
      value = value * base + digit;
      ++at;
    }
    return std::string(1, static_cast<char>(value & 0xFF));
  };
  if (c == 'x') return number(16, 2);
  if (c >= '0' && c <= '7') {
    --at;
    return number(8, 3);
  }
  if (c == '\\' || c == '\'' || c == '"' || c == '?') return std::string(1, c);
  return std::string("\\") + c;
}

}  // namespace

bool is_shell_name_char(char c, bool first) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

void ShellParser::find_lines() {
  lines_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i)
    if (text_[i] == '\n') lines_.push_back(i + 1);
}

int ShellParser::line_of(std::size_t at) const {
  return static_cast<int>(std::upper_bound(lines_.begin(), lines_.end(), at) - lines_.begin());
}

int ShellParser::column_of(std::size_t at) const {
  return static_cast<int>(at - lines_[static_cast<std::size_t>(line_of(at)) - 1]) + 1;
}

Error ShellParser::error_here(std::size_t at, std::string cause) const {
  return Error(Fault::user, std::move(cause)).at(fmt::format("{}:{}", line_of(at), column_of(at)));
}

Result<void> ShellParser::add(Word& word, WordPart part) {
  if (++parts_ > kMaxShellParts) return fail(error_here(pos_, fmt::format("more than {} words", kMaxShellParts)));
  word.parts.push_back(std::move(part));
  return {};
}

void ShellParser::add_literal(Word& word, std::string_view text, bool quoted) {
  word.was_quoted = word.was_quoted || quoted;
  if (text.empty()) return;
  if (word.parts.empty() || word.parts.back().kind != WordPart::Kind::literal || word.parts.back().quoted != quoted)
    word.parts.push_back({WordPart::Kind::literal, "", quoted, std::nullopt, false});
  word.parts.back().text += text;
}

void ShellParser::skip_blanks() {
  for (;;) {
    if (peek() == ' ' || peek() == '\t' || peek() == '\r')
      ++pos_;
    else if (peek() == '\\' && peek(1) == '\n')
      pos_ += 2;
    else
      return;
  }
}

Result<std::size_t> ShellParser::skip_nested(std::size_t at, char open, char close, std::size_t begin) const {
  int depth = 1;
  while (at < text_.size()) {
    const char c = text_[at];
    if (c == '\\') {
      at += 2;
      continue;
    }
    if (c == '\'' || c == '"' || c == '`') {
      std::size_t end = at + 1;
      while (end < text_.size() && text_[end] != c)
        end += c != '\'' && text_[end] == '\\' ? 2 : 1;
      if (end >= text_.size()) return fail(error_here(at, fmt::format("the quote {} is not closed", c)));
      at = end + 1;
      continue;
    }
    if (c == open) ++depth;
    if (c == close && --depth == 0) return at + 1;
    ++at;
  }
  return fail(error_here(
      begin, fmt::format("'{}' is not closed", text_.substr(begin, std::min<std::size_t>(3, text_.size() - begin)))));
}

Result<void> ShellParser::single_quoted(Word& word) {
  const std::size_t begin = pos_;
  const std::size_t end = text_.find('\'', pos_ + 1);
  if (end == std::string_view::npos) return fail(error_here(begin, "the quote ' is not closed"));
  add_literal(word, text_.substr(begin + 1, end - begin - 1), true);
  pos_ = end + 1;
  return {};
}

Result<void> ShellParser::ansi_quoted(Word& word) {
  const std::size_t begin = pos_;
  std::size_t at = pos_ + 2;
  std::string text;
  while (at < text_.size() && text_[at] != '\'') {
    if (text_[at] == '\\' && at + 1 < text_.size())
      text += ansi_escape(text_, at);
    else
      text += text_[at++];
  }
  if (at >= text_.size()) return fail(error_here(begin, "the quote $' is not closed"));
  add_literal(word, text, true);
  pos_ = at + 1;
  return {};
}

Result<void> ShellParser::double_quoted(const Context& context, Word& word) {
  const std::size_t begin = pos_++;
  word.was_quoted = true;
  while (!at_end() && peek() != '"') {
    const char c = peek();
    if (c == '\\') {
      const char next = peek(1);
      if (next == '\n') {
      } else if (next == '$' || next == '`' || next == '"' || next == '\\') {
        add_literal(word, text_.substr(pos_ + 1, 1), true);
      } else {
        add_literal(word, text_.substr(pos_, 2), true);
      }
      pos_ += 2;
    } else if (c == '$') {
      SCANGATE_CHECK(dollar(context, word, true));
    } else if (c == '`') {
      SCANGATE_CHECK(backticks(context, word, true));
    } else {
      const std::size_t end = std::min(text_.find_first_of("\\$`\"", pos_), text_.size());
      add_literal(word, text_.substr(pos_, end - pos_), true);
      pos_ = end;
    }
  }
  if (at_end()) return fail(error_here(begin, "the quote \" is not closed"));
  ++pos_;
  return {};
}

Result<void> ShellParser::dollar(const Context& context, Word& word, bool quoted) {
  const char next = peek(1);
  if (!quoted && next == '\'') return ansi_quoted(word);
  if (!quoted && next == '"') {  // $"…" is translated text
    ++pos_;
    return double_quoted(context, word);
  }
  if (looking_at("$((")) {
    SCANGATE_TRY(const std::size_t end, skip_nested(pos_ + 2, '(', ')', pos_));
    const std::string_view source = text_.substr(pos_, end - pos_);
    pos_ = end;
    return add(word, {WordPart::Kind::undecidable, std::string(source), quoted, std::nullopt, false});
  }
  if (next == '(') return command_substitution(context, word, 2, quoted);
  if (next == '{') return braces(word, quoted);
  if (is_shell_name_char(next, true)) {
    std::size_t end = pos_ + 1;
    while (end < text_.size() && is_shell_name_char(text_[end], false))
      ++end;
    std::string name(text_.substr(pos_ + 1, end - pos_ - 1));
    pos_ = end;
    return add(word, {WordPart::Kind::variable, std::move(name), quoted, std::nullopt, false});
  }
  if (next != '\0' && std::string_view("@*#?-$!0123456789").find(next) != std::string_view::npos) {
    std::string source(text_.substr(pos_, 2));
    pos_ += 2;
    return add(word, {WordPart::Kind::undecidable, std::move(source), quoted, std::nullopt, false});
  }
  add_literal(word, "$", quoted);
  ++pos_;
  return {};
}

Result<void> ShellParser::braces(Word& word, bool quoted) {
  const std::size_t begin = pos_;
  SCANGATE_TRY(const std::size_t end, skip_nested(pos_ + 2, '{', '}', pos_));
  const std::string_view source = text_.substr(begin, end - begin);
  const std::string_view inner = source.substr(2, source.size() - 3);
  pos_ = end;
  std::size_t name_end = 0;
  while (name_end < inner.size() && is_shell_name_char(inner[name_end], name_end == 0))
    ++name_end;
  WordPart part{WordPart::Kind::undecidable, std::string(source), quoted, std::nullopt, false};
  const std::string_view name = inner.substr(0, name_end);
  std::string_view rest = inner.substr(name_end);
  if (name.empty()) return add(word, std::move(part));
  if (rest.empty()) {
    part.kind = WordPart::Kind::variable;
    part.text = name;
    return add(word, std::move(part));
  }
  const bool if_empty = rest.starts_with(':');
  if (if_empty) rest.remove_prefix(1);
  if (rest.starts_with('?')) {  // ${NAME:?message}: the value, or the script ends
    part.kind = WordPart::Kind::variable;
    part.text = name;
    return add(word, std::move(part));
  }
  if (!rest.starts_with('-') && !rest.starts_with('=')) return add(word, std::move(part));
  rest.remove_prefix(1);
  if (rest.size() >= 2 && (rest.front() == '"' || rest.front() == '\'') && rest.back() == rest.front())
    rest = rest.substr(1, rest.size() - 2);
  if (rest.find_first_of("$`\"'\\") != std::string_view::npos) return add(word, std::move(part));
  part.kind = WordPart::Kind::variable;
  part.text = name;
  part.otherwise = std::string(rest);
  part.otherwise_if_empty = if_empty;
  return add(word, std::move(part));
}

Result<void> ShellParser::command_substitution(const Context& context, Word& word, std::size_t open_size, bool quoted) {
  const std::size_t begin = pos_;
  if (context.depth == kMaxShellNesting)
    return fail(error_here(begin, fmt::format("'$(' nested deeper than {} levels", kMaxShellNesting)));
  pos_ += open_size;
  Context inner = context;
  inner.subshell = true;
  ++inner.depth;
  SCANGATE_CHECK(parse(inner, true));
  return add(
      word, {WordPart::Kind::undecidable, std::string(text_.substr(begin, pos_ - begin)), quoted, std::nullopt, false});
}

Result<void> ShellParser::backticks(const Context& context, Word& word, bool quoted) {
  const std::size_t begin = pos_;
  if (context.depth == kMaxShellNesting)
    return fail(error_here(begin, fmt::format("'`' nested deeper than {} levels", kMaxShellNesting)));
  std::string inner_text;
  std::size_t at = pos_ + 1;
  while (at < text_.size() && text_[at] != '`') {
    if (text_[at] == '\\' && at + 1 < text_.size()) {
      const char next = text_[at + 1];
      if (next != '`' && next != '\\' && next != '$') inner_text += '\\';
      inner_text += next;
      at += 2;
    } else {
      inner_text += text_[at++];
    }
  }
  if (at >= text_.size()) return fail(error_here(begin, "the quote ` is not closed"));
  pos_ = at + 1;
  ShellScript inner_script;
  ShellParser inner(inner_text, inner_script);
  inner.parts_ = parts_;
  Context inner_context = context;
  inner_context.subshell = true;
  ++inner_context.depth;
  if (auto parsed = inner.parse(inner_context, false); !parsed)
    return fail(error_here(begin, "in backticks: " + parsed.error().cause()));
  parts_ = inner.parts_;
  if (out_.commands.size() + inner_script.commands.size() > kMaxShellCommands)
    return fail(error_here(begin, fmt::format("more than {} commands", kMaxShellCommands)));
  for (SimpleCommand& command : inner_script.commands) {
    // Escapes shift what is inside: everything is placed where the backticks begin.
    command.line = line_of(begin);
    command.column = column_of(begin);
    command.begin = begin;
    command.end = pos_;
    for (Word& inner_word : command.words) {
      inner_word.line = command.line;
      inner_word.column = command.column;
    }
    out_.commands.push_back(std::move(command));
  }
  return add(
      word, {WordPart::Kind::undecidable, std::string(text_.substr(begin, pos_ - begin)), quoted, std::nullopt, false});
}

Result<Word> ShellParser::read_word(const Context& context) {
  Word word;
  word.line = line_of(pos_);
  word.column = column_of(pos_);
  if (++parts_ > kMaxShellParts) return fail(error_here(pos_, fmt::format("more than {} words", kMaxShellParts)));
  while (!at_end()) {
    const char c = peek();
    if ((c == '<' || c == '>') && peek(1) == '(') {  // process substitution
      SCANGATE_CHECK(command_substitution(context, word, 2, false));
      continue;
    }
    if (ends_word(c)) break;
    if (c == '\'') {
      SCANGATE_CHECK(single_quoted(word));
    } else if (c == '"') {
      SCANGATE_CHECK(double_quoted(context, word));
    } else if (c == '$') {
      SCANGATE_CHECK(dollar(context, word, false));
    } else if (c == '`') {
      SCANGATE_CHECK(backticks(context, word, false));
    } else if (c == '\\') {
      if (peek(1) != '\n') add_literal(word, text_.substr(pos_ + 1, 1), true);
      pos_ = std::min(pos_ + 2, text_.size());
    } else {
      std::size_t end = pos_;
      while (end < text_.size() && !ends_word(text_[end]) &&
             std::string_view("'\"$`\\").find(text_[end]) == std::string_view::npos)
        ++end;
      add_literal(word, text_.substr(pos_, end - pos_), false);
      pos_ = end;
    }
  }
  return word;
}

}  // namespace scangate::command
