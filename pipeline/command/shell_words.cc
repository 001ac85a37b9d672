#include "pipeline/command/shell_words.h"

#include <algorithm>
#include <array>

#include "pipeline/command/shell_parser.h"

namespace scangate::command {
namespace {

bool is_test(const SimpleCommand& command) {
  if (command.words.empty()) return false;
  const auto program = command.words[0].literal();
  return program && (*program == "[" || *program == "[[" || *program == "test" || *program == "((");
}

bool is_break(char c) {
  return c == '\0' || c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '&' || c == '|' || c == '(' ||
         c == ')' || c == '<' || c == '>';
}

}  // namespace

std::optional<std::string> Word::literal() const {
  std::string text;
  for (const WordPart& part : parts) {
    if (part.kind != WordPart::Kind::literal) return std::nullopt;
    text += part.text;
  }
  return text;
}

std::string Word::display() const {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const WordPart& part = parts[i];
    if (part.kind != WordPart::Kind::variable) {
      text += part.text;
      continue;
    }
    const bool name_goes_on =
        i + 1 < parts.size() && !parts[i + 1].text.empty() && is_shell_name_char(parts[i + 1].text[0], false);
    text += name_goes_on ? "${" + part.text + "}" : "$" + part.text;
  }
  return text;
}

std::string_view name_of(Joiner joiner) {
  switch (joiner) {
    case Joiner::first:
      return "first";
    case Joiner::sequence:
      return ";";
    case Joiner::and_if:
      return "&&";
    case Joiner::or_if:
      return "||";
    case Joiner::pipe:
      return "|";
    case Joiner::background:
      return "&";
  }
  return "";
}

std::string_view ShellParser::plain_word_ahead() const {
  std::size_t end = pos_;
  while (end < text_.size() && !is_break(text_[end]))
    ++end;
  return text_.substr(pos_, end - pos_);
}

bool ShellParser::function_ahead(std::size_t word_end) const {
  std::size_t at = word_end;
  while (at < text_.size() && (text_[at] == ' ' || text_[at] == '\t'))
    ++at;
  if (at >= text_.size() || text_[at] != '(') return false;
  ++at;
  while (at < text_.size() && (text_[at] == ' ' || text_[at] == '\t'))
    ++at;
  return at < text_.size() && text_[at] == ')';
}

bool ShellParser::assignment_ahead() const {
  std::size_t at = pos_;
  while (at < text_.size() && is_shell_name_char(text_[at], at == pos_))
    ++at;
  if (at == pos_ || at >= text_.size()) return false;
  return text_[at] == '=' || (text_[at] == '+' && at + 1 < text_.size() && text_[at + 1] == '=');
}

void ShellParser::skip_heredocs() {
  for (const Heredoc& heredoc : heredocs_) {
    while (!at_end()) {
      const std::size_t end = std::min(text_.find('\n', pos_), text_.size());
      std::string_view line = text_.substr(pos_, end - pos_);
      pos_ = std::min(end + 1, text_.size());
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (heredoc.strip_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
      if (line == heredoc.delimiter) break;
    }
  }
  heredocs_.clear();
}

Result<void> ShellParser::redirection(const Context& context, std::size_t digits, SimpleCommand& command) {
  const std::size_t begin = pos_;
  pos_ += digits;
  for (const std::string_view op : {"<<<", "<<-", "&>>", "<<", ">>", "<&", ">&", "<>", ">|", "&>", "<", ">"}) {
    if (!looking_at(op)) continue;
    pos_ += op.size();
    break;
  }
  Redirection redirection;
  redirection.op = text_.substr(begin, pos_ - begin);
  skip_blanks();
  SCANGATE_TRY(redirection.target, read_word(context));
  const bool heredoc = redirection.op.ends_with("<<") || redirection.op.ends_with("<<-");
  if (heredoc) {
    // Quoted or not, the delimiter is taken as text; an expansion in it would be literal too (2.7.4).
    heredocs_.push_back({redirection.target.display(), redirection.op.ends_with('-')});
  }
  command.redirections.push_back(std::move(redirection));
  return {};
}

// `for NAME in words; do`: up to `do`, which is a keyword of its own.
Result<void> ShellParser::skip_for_head(const Context& context) {
  skip_blanks();
  if (looking_at("((")) {
    SCANGATE_TRY(pos_, skip_nested(pos_ + 1, '(', ')', pos_));
    return {};
  }
  while (!at_end() && peek() != ';' && peek() != '\n') {
    skip_blanks();
    if (plain_word_ahead() == "do") return {};
    const std::size_t before = pos_;
    SCANGATE_CHECK(read_word(context));
    if (pos_ == before && !at_end() && peek() != ';' && peek() != '\n') ++pos_;
  }
  return {};
}

Result<void> ShellParser::skip_case_head(const Context& context) {
  skip_blanks();
  SCANGATE_CHECK(read_word(context));
  while (!at_end()) {
    skip_blanks();
    if (peek() == '\n') {
      ++pos_;
      continue;
    }
    if (plain_word_ahead() == "in") pos_ += 2;
    return {};
  }
  return {};
}

// `a|b)` of a case, with an optional `(` before it.
Result<void> ShellParser::skip_pattern(const Context& context, std::vector<Frame>& frames) {
  const std::size_t begin = pos_;
  if (peek() == '(') ++pos_;
  while (!at_end() && peek() != ')') {
    const std::size_t before = pos_;
    SCANGATE_CHECK(read_word(context));
    if (pos_ == before && !at_end() && peek() != ')') ++pos_;
  }
  if (at_end()) return fail(error_here(begin, "a case pattern without ')'"));
  ++pos_;
  frames.back().wants_pattern = false;
  return {};
}

// Between [[ and ]], operators are part of the test.
Result<void> ShellParser::double_bracket(const Context& context, SimpleCommand& command) {
  while (!at_end()) {
    skip_blanks();
    if (at_end()) break;
    if (peek() == '\n' || is_break(peek())) {
      ++pos_;
      continue;
    }
    SCANGATE_TRY(Word word, read_word(context));
    const bool last = word.literal() == "]]" && !word.was_quoted;
    command.words.push_back(std::move(word));
    if (last) return {};
  }
  return {};
}

Result<bool> ShellParser::take_keyword(const Context& context, std::vector<Frame>& frames, List& list) {
  const std::string_view word = plain_word_ahead();
  const auto is = [&](std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  const auto push = [&](Compound kind, bool conditional) -> Result<void> {
    if (frames.size() + static_cast<std::size_t>(context.depth) >= static_cast<std::size_t>(kMaxShellNesting))
      return fail(error_here(pos_, fmt::format("commands nested deeper than {} levels", kMaxShellNesting)));
    const bool alternative = list.next == Joiner::or_if || (list.next == Joiner::and_if && list.tested);
    frames.push_back({kind, conditional || alternative, kind == Compound::case_, "", pos_});
    return {};
  };
  const auto consume = [&] {
    pos_ += word.size();
    list = {};
    return true;
  };
  if (is({"!", "time"})) {
    pos_ += word.size();
    return true;
  }
  // What follows `if` and `while` always runs; what follows `then` and `do` may not.
  if (is({"if"})) {
    SCANGATE_CHECK(push(Compound::if_, false));
    return consume();
  }
  if (is({"while", "until"})) {
    SCANGATE_CHECK(push(Compound::loop, false));
    return consume();
  }
  if (is({"for", "select"})) {
    SCANGATE_CHECK(push(Compound::loop, true));
    consume();
    SCANGATE_CHECK(skip_for_head(context));
    return true;
  }
  if (is({"case"})) {
    SCANGATE_CHECK(push(Compound::case_, true));
    consume();
    SCANGATE_CHECK(skip_case_head(context));
    return true;
  }
  if (is({"then", "elif", "else", "do"})) {
    if (!frames.empty()) frames.back().conditional = true;
    return consume();
  }
  if (is({"fi", "done", "esac", "}"})) {
    const Compound kind =
        word == "fi" ? Compound::if_
                     : (word == "done" ? Compound::loop : (word == "esac" ? Compound::case_ : Compound::brace));
    if (frames.empty() || frames.back().kind != kind) return false;  // then it is a plain word
    frames.pop_back();
    consume();
    list.next = Joiner::sequence;
    return true;
  }
  if (is({"{"})) {
    SCANGATE_CHECK(push(Compound::brace, false));
    return consume();
  }
  const bool function_word = is({"function"});
  if (function_word || (!word.empty() && word.find_first_of("'\"$`\\=") == std::string_view::npos &&
                        function_ahead(pos_ + word.size()))) {
    if (function_word) {
      consume();
      skip_blanks();
    }
    const std::string name(plain_word_ahead());
    pos_ += name.size();
    if (function_ahead(pos_)) pos_ = text_.find(')', pos_) + 1;
    while (!at_end() && (peek() == '\n' || peek() == ' ' || peek() == '\t' || peek() == '\r'))
      ++pos_;
    if (peek() == '{') {
      SCANGATE_CHECK(push(Compound::brace, true));
      frames.back().function = name;
      ++pos_;
    }
    list = {};
    return true;
  }
  return false;
}

Result<void> ShellParser::after_command(SimpleCommand& command, List& list) {
  command.joiner = list.next;
  if (list.next == Joiner::or_if || (list.next == Joiner::and_if && list.tested)) command.conditional = true;
  if (list.next == Joiner::pipe) command.subshell = true;
  list.tested =
      (list.next == Joiner::and_if || list.next == Joiner::or_if || list.next == Joiner::pipe ? list.tested : false) ||
      is_test(command);
  // The operator behind it; blanks and comments are skipped by step().
  skip_blanks();
  if (looking_at("&&")) {
    list.next = Joiner::and_if;
    pos_ += 2;
  } else if (looking_at("||")) {
    list.next = Joiner::or_if;
    pos_ += 2;
  } else if (looking_at("|&") || looking_at("|")) {
    list.next = Joiner::pipe;
    command.subshell = true;
    pos_ += looking_at("|&") ? 2 : 1;
  } else if (peek() == '&') {
    list.next = Joiner::background;
    command.subshell = true;
    ++pos_;
  } else {
    list.next = Joiner::sequence;
  }
  if (command.words.empty() && command.assignments.empty() && command.redirections.empty()) return {};
  if (out_.commands.size() == kMaxShellCommands)
    return fail(error_here(command.begin, fmt::format("more than {} commands", kMaxShellCommands)));
  out_.commands.push_back(std::move(command));
  return {};
}

Result<void> ShellParser::simple_command(const Context& context, std::vector<Frame>& frames, List& list) {
  SimpleCommand command;
  command.begin = pos_;
  command.line = line_of(pos_);
  command.column = column_of(pos_);
  Context inner = context;
  for (const Frame& frame : frames) {
    inner.conditional = inner.conditional || frame.conditional;
    if (!frame.function.empty()) inner.function = frame.function;
  }
  command.conditional = inner.conditional;
  command.subshell = inner.subshell;
  command.function = inner.function;
  if (looking_at("((")) {  // arithmetic command
    SCANGATE_TRY(const std::size_t end, skip_nested(pos_ + 1, '(', ')', pos_));
    Word word;
    word.line = command.line;
    word.column = command.column;
    add_literal(word, "((", false);
    command.words.push_back(std::move(word));
    pos_ = end;
    command.end = end;
    return after_command(command, list);
  }
  for (;;) {
    skip_blanks();
    if (at_end()) break;
    const char c = peek();
    if (c == '#') break;
    std::size_t digits = 0;
    while (peek(digits) >= '0' && peek(digits) <= '9')
      ++digits;
    const char op = peek(digits);
    const bool process = digits == 0 && (op == '<' || op == '>') && peek(1) == '(';
    if (((op == '<' || op == '>') && !process) || looking_at("&>")) {
      SCANGATE_CHECK(redirection(inner, digits, command));
      command.end = pos_;
      continue;
    }
    if (!process && is_break(c)) break;
    if (command.words.empty() && assignment_ahead()) {
      Assignment assignment;
      const std::size_t equals = text_.find('=', pos_);
      assignment.append = text_[equals - 1] == '+';
      assignment.name = text_.substr(pos_, equals - pos_ - (assignment.append ? 1 : 0));
      pos_ = equals + 1;
      if (peek() == '(') {  // an array
        SCANGATE_TRY(const std::size_t end, skip_nested(pos_ + 1, '(', ')', pos_));
        SCANGATE_CHECK(add(assignment.value, {WordPart::Kind::undecidable, std::string(text_.substr(pos_, end - pos_)),
                                              true, std::nullopt, false}));
        pos_ = end;
      } else {
        SCANGATE_TRY(assignment.value, read_word(inner));
      }
      command.assignments.push_back(std::move(assignment));
    } else {
      SCANGATE_TRY(Word word, read_word(inner));
      const bool brackets = command.words.empty() && !word.was_quoted && word.literal() == "[[";
      command.words.push_back(std::move(word));
      if (brackets) SCANGATE_CHECK(double_bracket(inner, command));
    }
    command.end = pos_;
  }
  return after_command(command, list);
}

// One token at the place where a command may begin. False at the end.
Result<bool> ShellParser::step(const Context& context, bool closing, std::vector<Frame>& frames, List& list) {
  skip_blanks();
  if (at_end()) return false;
  const char c = peek();
  if (c == '#') {
    pos_ = std::min(text_.find('\n', pos_), text_.size());
    return true;
  }
  if (c == '\n') {
    ++pos_;
    skip_heredocs();
    // A line may end behind && and |.
    if (list.next == Joiner::sequence || list.next == Joiner::background || list.next == Joiner::first) list = {};
    if (list.next == Joiner::first && !out_.commands.empty()) list.next = Joiner::sequence;
    return true;
  }
  if (!frames.empty() && frames.back().kind == Compound::case_ && frames.back().wants_pattern &&
      plain_word_ahead() != "esac") {
    SCANGATE_CHECK(skip_pattern(context, frames));
    return true;
  }
  if (c == ';') {
    const bool ends_case = looking_at(";;") || looking_at(";&");
    while (peek() == ';' || (ends_case && peek() == '&'))
      ++pos_;
    if (ends_case && !frames.empty() && frames.back().kind == Compound::case_) frames.back().wants_pattern = true;
    list = {};
    list.next = Joiner::sequence;
    return true;
  }
  if (c == ')') {
    if (closing) return false;
    return fail(error_here(pos_, "')' without '('"));
  }
  // Operators behind a compound command; those behind a simple one are taken with it.
  if (c == '&' && !looking_at("&>")) {
    list.next = looking_at("&&") ? Joiner::and_if : Joiner::background;
    pos_ += looking_at("&&") ? 2 : 1;
    return true;
  }
  if (c == '|') {
    list.next = looking_at("||") ? Joiner::or_if : Joiner::pipe;
    pos_ += looking_at("||") ? 2 : 1;
    return true;
  }
  if (c == '(' && !looking_at("((")) {
    if (context.depth == kMaxShellNesting)
      return fail(error_here(pos_, fmt::format("'(' nested deeper than {} levels", kMaxShellNesting)));
    Context inner = context;
    for (const Frame& frame : frames) {
      inner.conditional = inner.conditional || frame.conditional;
      if (!frame.function.empty()) inner.function = frame.function;
    }
    inner.conditional = inner.conditional || list.next == Joiner::or_if || (list.next == Joiner::and_if && list.tested);
    inner.subshell = true;
    ++inner.depth;
    ++pos_;
    SCANGATE_CHECK(parse(inner, true));
    list = {};
    list.next = Joiner::sequence;
    return true;
  }
  SCANGATE_TRY(const bool keyword, take_keyword(context, frames, list));
  if (keyword) return true;
  SCANGATE_CHECK(simple_command(context, frames, list));
  return true;
}

Result<void> ShellParser::parse(const Context& context, bool closing) {
  const std::size_t begin = pos_;
  std::vector<Frame> frames;
  List list;
  for (;;) {
    const std::size_t before = pos_;
    SCANGATE_TRY(const bool more, step(context, closing, frames, list));
    if (!more) break;
    // Whatever step() met, it must have gone past it.
    if (pos_ == before) ++pos_;
  }
  if (!closing) return {};
  if (at_end()) return fail(error_here(begin == 0 ? 0 : begin - 1, "'(' is not closed"));
  ++pos_;
  return {};
}

Result<ShellScript> parse_shell(std::string_view script) {
  if (script.size() > kMaxScriptBytes)
    return fail(Fault::user, fmt::format("a script larger than {} bytes", kMaxScriptBytes));
  ShellScript out;
  ShellParser parser(script, out);
  SCANGATE_CHECK(parser.parse({}, false));
  return out;
}

}  // namespace scangate::command
