#pragma once
// Command-line flags in the manner of Go's pflag, which docker, buildah and podman share: --name=value, --name value,
// -nvalue, -n=value, -n value, bundles of short flags, `--` ends them, flags and arguments may be mixed.
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::command {

struct Flag {
  enum class Kind : std::uint8_t {
    toggle,          // --pull, --pull=false
    value,           // --tag x
    optional_value,  // --pull, --pull=always; a word behind a blank is not its value. Alone it is "true".
    refused,         // known to the program, not served here; `note` says why
  };
  std::string_view name;  // without dashes
  char letter = '\0';     // the short form
  Kind kind = Kind::value;
  // Gets each value; "true" or "false" for toggles. May refuse it.
  std::function<Result<void>(const std::string&)> take;
  std::string_view note = {};
};

enum class Mixing : std::uint8_t { anywhere, before_arguments };

// What is not a flag, in order. With Mixing::before_arguments, everything from the first argument on.
// `command` begins every message: "docker build". `--help` and `-h` (unless a flag of that letter exists) set `help`.
Result<std::vector<std::string>> parse_flags(std::string_view command, std::span<const Flag> flags,
                                             std::span<const std::string> args, Mixing mixing, bool& help);

}  // namespace scangate::command
