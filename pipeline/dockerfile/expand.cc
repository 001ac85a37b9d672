#include "pipeline/dockerfile/expand.h"

#include "base/text.h"
#include "pipeline/dockerfile/pattern.h"
#include "pipeline/dockerfile/words.h"

namespace scangate::dockerfile {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_byte(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// What a word came to: its text, and the same split at unquoted blanks.
struct Expanded {
  std::string text;
  std::vector<std::string> words;
  std::string open;  // the word under way
  bool in_word = false;

  void add_plain(char c) {
    text += c;
    split_at(c);
  }
  void add_variable(std::string_view value) {
    text += value;
    for (const char c : value)
      split_at(c);
  }
  void add_protected(std::string_view value) {
    text += value;
    open += value;
    in_word = true;
  }
  void end() {
    if (!open.empty()) words.push_back(std::move(open));
    open.clear();
    in_word = false;
  }

 private:
  void split_at(char c) {
    if (!is_blank(c)) {
      open += c;
      in_word = true;
    } else if (in_word) {
      end();
    }
  }
};

enum class Escapes { remove, keep };  // keep: in patterns, where the pattern parser reads them

class Expander {
 public:
  Expander(std::string_view text, const Lookup& lookup, char escape, Quotes quotes)
      : text_(text), lookup_(lookup), escape_(escape), quotes_(quotes) {}

  Result<Expanded> all() { return until('\0', Escapes::remove); }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  Error bad(std::string_view what) const { return {Fault::user, std::string(what)}; }

  Result<void> check_size(std::size_t size) const {
    if (size > kMaxExpandedBytes)
      return fail(Fault::user, fmt::format("the expansion is longer than {} bytes", kMaxExpandedBytes));
    return {};
  }

  // Up to and with `stop`; '\0' is the end of the text.
  Result<Expanded> until(char stop, Escapes escapes);
  Result<std::string> single_quoted();
  Result<std::string> double_quoted(Escapes escapes);
  Result<std::string> dollar();
  Result<std::string> braced();
  Result<std::string> with_modifier(const std::string& name, char modifier, bool empty_is_unset);
  Result<std::string> with_replacement(const std::string& name);
  std::string name();

  std::string_view text_;
  const Lookup& lookup_;
  char escape_;
  Quotes quotes_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::size_t steps_ = kMaxPatternSteps;
};

Result<Expanded> Expander::until(char stop, Escapes escapes) {
  Expanded out;
  while (!at_end()) {
    const char c = peek();
    if (stop != '\0' && c == stop) {
      ++at_;
      out.end();
      return out;
    }
    if (c == '$') {
      SCANGATE_TRY(auto value, dollar());
      out.add_variable(value);
    } else if (c == '\'' && quotes_ == Quotes::remove) {
      SCANGATE_TRY(auto value, single_quoted());
      out.add_protected(value);
    } else if (c == '"' && quotes_ == Quotes::remove) {
      SCANGATE_TRY(auto value, double_quoted(escapes));
      out.add_protected(value);
    } else if (c == escape_) {
      ++at_;
      if (escapes == Escapes::keep) out.add_protected(std::string_view(&c, 1));
      if (at_end()) break;  // at the end of the line it escapes nothing
      // Heredoc bodies belong to another language: only \$ and \\ are ours there.
      if (quotes_ == Quotes::keep && peek() != '$' && peek() != escape_) out.add_protected(std::string_view(&c, 1));
      out.add_protected(text_.substr(at_, 1));
      ++at_;
    } else {
      out.add_plain(c);
      ++at_;
    }
    SCANGATE_CHECK(check_size(out.text.size()));
  }
  if (stop != '\0')
    return fail(bad(stop == '}' ? "a substitution has no closing '}'" : "a substitution has no second '/'"));
  out.end();
  return out;
}

Result<std::string> Expander::single_quoted() {
  const std::size_t start = ++at_;
  const std::size_t end = text_.find('\'', start);
  if (end == std::string_view::npos) return fail(bad("a single quote has no closing one"));
  at_ = end + 1;
  return std::string(text_.substr(start, end - start));
}

Result<std::string> Expander::double_quoted(Escapes escapes) {
  std::string out;
  ++at_;
  for (;;) {
    if (at_end()) return fail(bad("a double quote has no closing one"));
    const char c = peek();
    if (c == '"') {
      ++at_;
      return out;
    }
    if (c == '$') {
      SCANGATE_TRY(auto value, dollar());
      out += value;
      SCANGATE_CHECK(check_size(out.size()));
      continue;
    }
    ++at_;
    if (c == escape_) {
      if (escapes == Escapes::keep) out += c;
      if (at_end()) continue;
      // Before other characters the escape is text, as in the shell.
      const char next = peek();
      if (next == '"' || next == '$' || next == escape_) {
        out += next;
        ++at_;
        continue;
      }
    }
    out += c;
  }
}

std::string Expander::name() {
  const std::size_t start = at_;
  if (is_digit(peek())) {
    while (is_digit(peek()))
      ++at_;
  } else if (!at_end() && std::string_view("@*#?-$!").find(peek()) != std::string_view::npos) {
    ++at_;  // the shell's special parameters: never set here
  } else {
    while (is_name_byte(peek()))
      ++at_;
  }
  return std::string(text_.substr(start, at_ - start));
}

Result<std::string> Expander::dollar() {
  ++at_;
  if (peek() == '{' && !at_end()) {
    if (depth_ == kMaxExpansionDepth)
      return fail(Fault::user, fmt::format("substitutions are nested deeper than {} levels", kMaxExpansionDepth));
    ++depth_;
    auto value = braced();
    --depth_;
    return value;
  }
  const std::string variable = name();
  if (variable.empty()) return std::string("$");
  return lookup_(variable).value_or("");
}

Result<std::string> Expander::braced() {
  ++at_;
  if (at_end()) return fail(bad("a substitution has no closing '}'"));
  if (peek() == '{' || peek() == '}' || peek() == ':') return fail(bad("a substitution has no variable name"));
  const std::string variable = name();
  if (at_end()) return fail(bad("a substitution has no closing '}'"));
  const char modifier = text_[at_++];
  switch (modifier) {
    case '}':
      return lookup_(variable).value_or("");
    case ':': {
      if (at_end()) return fail(bad("a substitution has no closing '}'"));
      const char after_colon = text_[at_++];
      return with_modifier(variable, after_colon, true);
    }
    case '/':
      return with_replacement(variable);
    default:
      return with_modifier(variable, modifier, false);
  }
}

Result<std::string> Expander::with_modifier(const std::string& variable, char modifier, bool empty_is_unset) {
  if (std::string_view("-+?#%").find(modifier) == std::string_view::npos)
    return fail(bad(fmt::format("unsupported modifier '{}{}' in a substitution", empty_is_unset ? ":" : "",
                                printable(std::string_view(&modifier, 1)))));
  const bool pattern = modifier == '#' || modifier == '%';
  SCANGATE_TRY(auto word, until('}', pattern ? Escapes::keep : Escapes::remove));
  const auto value = lookup_(variable);
  const bool missing = !value || (empty_is_unset && value->empty());
  switch (modifier) {
    case '-':
      return missing ? word.text : *value;
    case '+':
      return missing ? std::string() : word.text;
    case '?':
      if (!missing) return *value;
      if (!word.text.empty()) return fail(bad(fmt::format("{}: {}", variable, printable(word.text))));
      return fail(bad(fmt::format("{}: {}", variable, value ? "must not be empty" : "must be set")));
    default:
      break;
  }
  std::string_view text = word.text;
  const Extent extent = text.starts_with(modifier) ? Extent::longest : Extent::shortest;
  if (extent == Extent::longest) text.remove_prefix(1);
  SCANGATE_TRY(auto parsed, ShellPattern::parse(text));
  return modifier == '#' ? parsed.without_prefix(value.value_or(""), extent, steps_)
                         : parsed.without_suffix(value.value_or(""), extent, steps_);
}

Result<std::string> Expander::with_replacement(const std::string& variable) {
  const bool all = peek() == '/';
  if (all) ++at_;
  SCANGATE_TRY(auto pattern, until('/', Escapes::keep));
  SCANGATE_TRY(auto replacement, until('}', Escapes::keep));
  SCANGATE_TRY(auto parsed, ShellPattern::parse(pattern.text));
  return parsed.replace(lookup_(variable).value_or(""), replacement.text, all, steps_);
}

}  // namespace

Result<std::string> expand_word(std::string_view word, const Lookup& lookup, char escape, Quotes quotes) {
  SCANGATE_TRY(auto out, Expander(word, lookup, escape, quotes).all());
  return std::move(out.text);
}

Result<std::vector<std::string>> expand_words(std::string_view word, const Lookup& lookup, char escape) {
  SCANGATE_TRY(auto out, Expander(word, lookup, escape, Quotes::remove).all());
  return std::move(out.words);
}

}  // namespace scangate::dockerfile
