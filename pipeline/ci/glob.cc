#include "pipeline/ci/glob.h"

#include <optional>

#include "base/text.h"
#include "pipeline/ci/regex.h"

namespace scangate::ci {
namespace {

void add_literal(std::string& out, char c) {
  // Bytes of UTF-8 sequences stand for themselves.
  constexpr std::string_view kSpecial = "\\^$.|?*+()[]{}";
  if (kSpecial.find(c) != std::string_view::npos) out += '\\';
  out += c;
}

// `[…]` at `at` as an RE2 class; sets `at` behind it. Nothing when it is not closed.
std::optional<std::string> read_class(std::string_view glob, std::size_t& at) {
  std::size_t i = at + 1;
  std::string out = "[";
  if (i < glob.size() && (glob[i] == '!' || glob[i] == '^')) {
    out += "^/";  // a class never matches the separator
    ++i;
  }
  const std::size_t first = i;
  for (; i < glob.size() && (glob[i] != ']' || i == first); ++i) {
    if (glob[i] == '\\' && i + 1 < glob.size())
      ++i;
    else if (glob[i] == '-') {
      out += '-';
      continue;
    }
    if (glob[i] == '[' || glob[i] == ']' || glob[i] == '^' || glob[i] == '\\' || glob[i] == '-') out += '\\';
    out += glob[i];
  }
  if (i >= glob.size()) return std::nullopt;
  at = i;
  return out + "]";
}

}  // namespace

struct Glob::Compiled {
  Regex regex;
};

Glob::Glob(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Glob::Glob(Glob&&) noexcept = default;
Glob& Glob::operator=(Glob&&) noexcept = default;
Glob::~Glob() = default;

Result<Glob> Glob::parse(std::string_view pattern) {
  if (pattern.size() > kMaxGlobBytes)
    return fail(Fault::user, fmt::format("a file pattern longer than {} bytes", kMaxGlobBytes));
  std::string out = "(?s)";
  int braces = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (pattern.substr(i).starts_with("**/") && (i == 0 || pattern[i - 1] == '/')) {
      out += "(?:.*/)?";
      i += 2;
    } else if (pattern.substr(i) == "**" && i > 0 && pattern[i - 1] == '/') {
      // fnmatch takes a final ** as *, yet people write "src/**" for everything below, and GitLab documents it so.
      out += ".*";
      ++i;
    } else if (c == '*') {
      out += "[^/]*";
    } else if (c == '?') {
      out += "[^/]";
    } else if (c == '[') {
      auto read = read_class(pattern, i);
      if (!read) return fail(Fault::user, fmt::format("'[' is not closed in the pattern '{}'", printable(pattern)));
      out += *read;
    } else if (c == '{') {
      out += "(?:";
      ++braces;
    } else if (c == '}' && braces > 0) {
      out += ')';
      --braces;
    } else if (c == ',' && braces > 0) {
      out += '|';
    } else if (c == '\\' && i + 1 < pattern.size()) {
      add_literal(out, pattern[++i]);
    } else {
      add_literal(out, c);
    }
  }
  if (braces > 0) return fail(Fault::user, fmt::format("'{{' is not closed in the pattern '{}'", printable(pattern)));
  SCANGATE_TRY(Regex regex, Regex::compile(out, Regex::Anchor::both));
  return Glob(std::make_unique<Compiled>(Compiled{std::move(regex)}));
}

bool Glob::matches(std::string_view path) const {
  return compiled_->regex.matches(path);
}

bool Glob::is_pattern(std::string_view text) {
  return text.find_first_of("*?[{") != std::string_view::npos;
}

}  // namespace scangate::ci
