#pragma once
// Splitting of one logical line into words, the way each instruction wants it.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::dockerfile {

struct Span {
  std::string text;
  std::size_t offset = 0;  // of its first byte in the text that was split
};

bool is_blank(char c);

// Words separated by blanks; quoted blanks do not separate. Quotes and escapes stay in the words.
std::vector<Span> quoted_words(std::string_view text, char escape);
// Words separated by blanks, quotes without meaning.
std::vector<Span> plain_words(std::string_view text);

struct Flags {
  std::vector<Span> flags;  // unquoted, with their leading "--"
  std::size_t rest = 0;     // where the arguments begin
};
// Takes the leading "--name[=value]" words; a bare "--" ends them.
Flags leading_flags(std::string_view text);

// The strings of a JSON array that is the whole text; nullopt when the text is not a JSON array (then it is shell
// form); Fault::user when it is one but holds something else than strings.
Result<std::optional<std::vector<std::string>>> json_words(std::string_view text);

// Comma separated fields with double quotes, as RUN --mount uses (RFC 4180, one record).
Result<std::vector<Span>> csv_fields(std::string_view text);

}  // namespace scangate::dockerfile
