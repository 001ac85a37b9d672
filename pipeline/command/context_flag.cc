#include "pipeline/command/context_flag.h"

#include <array>

#include "base/text.h"

namespace scangate::command {
namespace {

using Kind = ContextFlag::Kind;

struct Scheme {
  std::string_view prefix;
  Kind kind;
};
// Where both are known, with two slashes: "docker-image:x" is a folder's name to nobody, and an image's to no tool.
constexpr std::array<Scheme, 4> kSchemes{{{"docker-image://", Kind::image},
                                          {"container-image://", Kind::image},
                                          {"docker://", Kind::image},
                                          {"oci-layout://", Kind::layout}}};
constexpr std::array<std::string_view, 6> kRemote{"http://", "https://", "git://", "ssh://", "git@", "github.com/"};

// "dir:tag" and "dir@sha256:…"; a folder's own name may hold either sign, but not in its last part.
void split_layout(ContextFlag& flag) {
  const std::size_t slash = flag.value.rfind('/');
  const std::size_t from = slash == std::string::npos ? 0 : slash;
  if (const std::size_t at = flag.value.find('@', from); at != std::string::npos) {
    flag.digest = flag.value.substr(at + 1);
    flag.value.resize(at);
  }
  if (const std::size_t colon = flag.value.find(':', from); colon != std::string::npos) {
    flag.tag = flag.value.substr(colon + 1);
    flag.value.resize(colon);
  }
}

}  // namespace

Result<ContextFlag> parse_context_flag(const std::string& value) {
  const std::size_t equals = value.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == value.size())
    return fail(Error(Fault::user, fmt::format("'{}' is no named context", redact(printable(value))))
                    .remedy("write NAME=FOLDER, NAME=URL, NAME=docker-image://REF or NAME=oci-layout://FOLDER"));
  ContextFlag flag{value.substr(0, equals), Kind::folder, value.substr(equals + 1), {}, {}};
  if (flag.value.starts_with("target:"))
    return fail(Error(Fault::user, fmt::format("'{}': targets are for buildx bake", printable(flag.value)))
                    .remedy("a stage is named with --from=STAGE"));
  for (const auto& [prefix, kind] : kSchemes) {
    if (!flag.value.starts_with(prefix)) continue;
    flag.kind = kind;
    flag.value.erase(0, prefix.size());
    if (kind == Kind::layout) split_layout(flag);
    if (flag.value.empty())
      return fail(Fault::user, fmt::format("'{}{}' names nothing", printable(flag.name + "="), prefix));
    return flag;
  }
  for (const std::string_view prefix : kRemote)
    if (flag.value.starts_with(prefix)) flag.kind = Kind::remote;
  if (flag.kind == Kind::folder && flag.value.find("://") != std::string::npos)
    return fail(Error(Fault::user, fmt::format("a context from '{}' is not served", redact(printable(flag.value))))
                    .remedy("a folder, http(s), git, docker-image:// and oci-layout:// are"));
  return flag;
}

Flag build_context(std::vector<ContextFlag>& into) {
  return {"build-context", '\0', Flag::Kind::value, [&into](const std::string& value) -> Result<void> {
            SCANGATE_TRY(auto flag, parse_context_flag(value));
            into.push_back(std::move(flag));
            return {};
          }};
}

}  // namespace scangate::command
