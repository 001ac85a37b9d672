#pragma once
// Variable expansion and quote removal in instruction arguments, as BuildKit's shell lexer does it:
// $v ${v} ${v:-w} ${v-w} ${v:+w} ${v+w} ${v:?e} ${v?e} ${v#p} ${v##p} ${v%p} ${v%%p} ${v/p/r} ${v//p/r}.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::dockerfile {

// A value, or nullopt for a variable that is not set. What was asked for is what the word depends on.
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

// Ten lines of `ENV A=$A$A` double a kilobyte to a megabyte; no argument or environment of that size can be executed.
inline constexpr std::size_t kMaxExpandedBytes = 1024 * 1024;
// Nesting of ${a:-${b:-…}}: each level is one C++ frame.
inline constexpr int kMaxExpansionDepth = 64;
// Steps of pattern matching in one word: ${v//p/r} over a long value is quadratic.
inline constexpr std::size_t kMaxPatternSteps = 20'000'000;

enum class Quotes {
  remove,  // arguments
  keep,    // heredoc bodies: quotes are text there
};

// The word with variables replaced, quotes and escapes removed. Errors: Fault::user without place: bad substitution,
// a quote without its end, an ${v:?message}, a cap exceeded.
Result<std::string> expand_word(std::string_view word, const Lookup& lookup, char escape,
                                Quotes quotes = Quotes::remove);
// The same, then split at blanks that were not quoted (also those that came out of variables), as EXPOSE and VOLUME do.
Result<std::vector<std::string>> expand_words(std::string_view word, const Lookup& lookup, char escape);

}  // namespace scangate::dockerfile
