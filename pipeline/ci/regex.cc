#include "pipeline/ci/regex.h"

#include <re2/re2.h>

#include "base/text.h"

namespace scangate::ci {

struct Regex::Compiled {
  Compiled(std::string_view text, const re2::RE2::Options& options)
      : re(re2::StringPiece(text.data(), text.size()), options) {}
  re2::RE2 re;
};

Regex::Regex(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view expression, Anchor anchor) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxRegexMemoryBytes);
  auto compiled = std::make_unique<Compiled>(expression, options);
  if (!compiled->re.ok())
    return fail(Fault::user, fmt::format("invalid regular expression '{}': {}", printable(expression),
                                         printable(compiled->re.error())));
  Regex regex(std::move(compiled));
  regex.anchor_ = anchor;
  return regex;
}

bool Regex::is_slashed(std::string_view text) {
  if (!text.starts_with('/')) return false;
  const std::size_t last = text.rfind('/');
  return last > 0 && text.find_first_not_of("ismU", last + 1) == std::string_view::npos;
}

Result<Regex> Regex::parse_slashed(std::string_view text) {
  if (!is_slashed(text))
    return fail(
        Error(Fault::user, fmt::format("'{}' is no regular expression", printable(text))).remedy("write it as /…/"));
  const std::size_t last = text.rfind('/');
  const std::string_view flags = text.substr(last + 1);
  std::string expression;
  if (!flags.empty()) expression = fmt::format("(?{})", flags);
  // Between the slashes `\/` stands for "/", which RE2 takes as the same.
  expression += text.substr(1, last - 1);
  return compile(expression);
}

bool Regex::matches(std::string_view text) const {
  const re2::StringPiece piece(text.data(), text.size());
  return compiled_->re.Match(piece, 0, text.size(),
                             anchor_ == Anchor::both ? re2::RE2::ANCHOR_BOTH : re2::RE2::UNANCHORED, nullptr, 0);
}

}  // namespace scangate::ci
