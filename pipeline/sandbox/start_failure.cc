#include "pipeline/sandbox/start_failure.h"

#include "base/text.h"

namespace scangate {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

std::optional<std::string> program_fault(const SandboxSpec& spec, std::string_view message) {
  const std::string lower = to_lower(message);
  if (contains(lower, "executable file") && contains(lower, "not found"))
    return contains(spec.argv[0], "/") ? "no such file or directory" : "executable file not found in PATH";
  // "no such file or directory" also comes for mounts and folders: only that of the program counts.
  const bool about_program = contains(lower, "exec: \"") || lower.starts_with("exec /") ||
                             contains(lower, "open executable") || contains(lower, "exec container process") ||
                             contains(lower, "execvp ");
  if (!about_program) return std::nullopt;
  // Of a program that is there, it is its interpreter that is missing: the kernel tells both alike.
  if (contains(lower, "no such file"))
    return lower.starts_with("bwrap: execvp") && !contains(spec.argv[0], "/") ? "executable file not found in PATH"
                                                                              : "no such file or directory";
  if (contains(lower, "exec format error")) return "exec format error";
  if (contains(lower, "permission denied") || contains(lower, "operation not permitted")) return "permission denied";
  if (contains(lower, "is a directory")) return "is a directory";
  return std::nullopt;
}

Error not_started(const SandboxSpec& spec, const std::string& fault) {
  return {Fault::user, fmt::format("cannot start '{}': {}", printable(spec.argv[0]), fault)};
}

std::optional<int> start_failure_code(const Error& error) {
  if (error.fault() != Fault::user || !error.cause().starts_with("cannot start '")) return std::nullopt;
  return error.cause().ends_with("not found in PATH") || error.cause().ends_with("no such file or directory") ? 127
                                                                                                              : 126;
}

}  // namespace scangate
