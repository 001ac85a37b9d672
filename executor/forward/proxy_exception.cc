#include "executor/forward/proxy_exception.h"

#include <fmt/format.h>

#include <array>

namespace scangate {
namespace {

// Programs know one or both of them.
constexpr std::array<std::string_view, 2> kNames = {"no_proxy", "NO_PROXY"};

// Whether a line of the script begins at `at`, whose text may itself be quoted for eval. The runner also prints each
// line before it runs it: those stay as the job wrote them.
bool begins_line(std::string_view text, std::size_t at) {
  if (at == 0) return true;
  const char before = text[at - 1];
  return before == '\n' || before == '\'' || before == '"' || (before == 'n' && at > 1 && text[at - 2] == '\\');
}

// Where the value begins that is written at `at`: behind its opening quote, which is quoted itself inside of an eval.
std::size_t value_at(std::string_view text, std::size_t at) {
  const std::size_t dollar = text.substr(at).starts_with('$') ? at + 1 : at;
  const std::size_t quote = text.find_first_not_of('\\', dollar);
  if (quote == std::string_view::npos || (text[quote] != '\'' && text[quote] != '"')) return at;
  return quote + 1;
}

}  // namespace

std::string with_proxy_exception(std::string script, std::string_view host) {
  bool has_own = false;
  for (const std::string_view name : kNames) {
    const std::string line = fmt::format("export {}=", name);
    // Written anew, not inserted into: a script may hold the line a million times.
    std::string out;
    std::size_t copied = 0;
    for (std::size_t at = script.find(line); at != std::string::npos; at = script.find(line, at + 1)) {
      if (!begins_line(script, at)) continue;
      const std::size_t value = value_at(script, at + line.size());
      out.append(script, copied, value - copied).append(host).append(",");
      copied = value;
      has_own = true;
    }
    script = out.append(script, copied);
  }
  if (has_own) return script;
  return fmt::format(
             "no_proxy=${{no_proxy:-${{NO_PROXY:-}}}}; export no_proxy=\"{}${{no_proxy:+,$no_proxy}}\"; export "
             "NO_PROXY=\"$no_proxy\"\n",
             host) +
         script;
}

}  // namespace scangate
