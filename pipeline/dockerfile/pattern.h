#pragma once
// The shell patterns of ${v#p}, ${v%p} and ${v/p/r}: * any text, ? one character, \ takes the meaning away.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::dockerfile {

enum class Extent { shortest, longest };

class ShellPattern {
 public:
  // Errors: Fault::user for an escape of anything but * ? \ } /.
  static Result<ShellPattern> parse(std::string_view text);

  // Each takes `steps` down by its work and fails when it is used up.
  // End of the match that begins at `start`; nullopt when none does.
  Result<std::optional<std::size_t>> match_at(std::string_view value, std::size_t start, Extent extent,
                                              std::size_t& steps) const;
  Result<std::string> without_prefix(std::string_view value, Extent extent, std::size_t& steps) const;
  Result<std::string> without_suffix(std::string_view value, Extent extent, std::size_t& steps) const;
  Result<std::string> replace(std::string_view value, std::string_view replacement, bool all, std::size_t& steps) const;

 private:
  enum class Kind { literal, one, any };
  struct Token {
    Kind kind;
    char byte;
  };
  std::vector<Token> tokens_;
};

}  // namespace scangate::dockerfile
