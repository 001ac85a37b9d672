#include "pipeline/ci/keywords.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace scangate::ci {
namespace {

// https://docs.gitlab.com/ci/yaml/, "Global keywords" and "Unavailable names for jobs"
constexpr std::array<std::string_view, 12> kReserved = {"image",         "services",     "stages",    "types",
                                                        "before_script", "after_script", "variables", "cache",
                                                        "include",       "default",      "workflow",  "spec"};

bool contains(std::span<const std::string> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

bool is_reserved(std::string_view key) {
  return std::find(kReserved.begin(), kReserved.end(), key) != kReserved.end();
}

std::span<const std::string> job_keywords() {
  static const std::array<std::string, 39> kWords = {"after_script",
                                                     "allow_failure",
                                                     "artifacts",
                                                     "before_script",
                                                     "cache",
                                                     "coverage",
                                                     "dast_configuration",
                                                     "dependencies",
                                                     "environment",
                                                     "except",
                                                     "extends",
                                                     "hooks",
                                                     "id_tokens",
                                                     "identity",
                                                     "image",
                                                     "inherit",
                                                     "inputs",
                                                     "interruptible",
                                                     "manual_confirmation",
                                                     "needs",
                                                     "only",
                                                     "pages",
                                                     "parallel",
                                                     "publish",
                                                     "release",
                                                     "resource_group",
                                                     "retry",
                                                     "rules",
                                                     "run",
                                                     "script",
                                                     "secrets",
                                                     "services",
                                                     "stage",
                                                     "start_in",
                                                     "tags",
                                                     "timeout",
                                                     "trigger",
                                                     "variables",
                                                     "when"};
  return kWords;
}

std::span<const std::string> default_keywords() {
  static const std::array<std::string, 13> kWords = {
      "after_script", "artifacts",     "before_script", "cache",    "hooks", "id_tokens", "identity",
      "image",        "interruptible", "retry",         "services", "tags",  "timeout"};
  return kWords;
}

Result<void> check_keys(const Value& map, std::span<const std::string> known, std::string_view where) {
  for (const Entry& entry : map.entries) {
    if (contains(known, entry.key)) continue;
    Error error =
        error_at(entry.key_place, fmt::format("{}: unknown keyword '{}'", printable(where), printable(entry.key)));
    if (const auto like = nearest(entry.key, known))
      return fail(std::move(error).remedy(fmt::format("did you mean '{}'?", *like)));
    std::string list;
    for (const std::string& word : known)
      list += (list.empty() ? "" : ", ") + word;
    return fail(std::move(error).remedy("known are " + list));
  }
  return {};
}

}  // namespace scangate::ci
