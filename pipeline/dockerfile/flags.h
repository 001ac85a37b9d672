#pragma once
// The "--name[=value]" flags of one instruction.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/dockerfile/ast.h"

namespace scangate::dockerfile {

// Whether a flag carries a value, and whether it may be repeated.
enum class FlagKind { text, repeated_text, boolean };
struct FlagRule {
  std::string_view name;  // without "--"
  FlagKind kind = FlagKind::text;
};

class FlagSet {
 public:
  // Errors: Fault::user placed at the flag: unknown (with the nearest known one), repeated, value missing or not a
  // boolean.
  static Result<FlagSet> parse(const std::vector<Word>& flags, std::span<const FlagRule> rules,
                               std::string_view instruction, const std::string& file_name);
  // The value with the flag's place; nullopt when it was not given.
  std::optional<Word> text(std::string_view name) const;
  std::vector<Word> texts(std::string_view name) const;
  std::optional<bool> boolean(std::string_view name) const;

 private:
  struct Given {
    std::string name;
    Word value;
  };
  std::vector<Given> given_;
};

}  // namespace scangate::dockerfile
