#include "pipeline/command/annotation_flag.h"

#include <optional>

#include "base/text.h"

namespace scangate::command {
namespace {

using Of = AnnotationFlag::Of;

Result<Of> type_of(std::string_view name) {
  if (name == "manifest") return Of::manifest;
  if (name == "index") return Of::index;
  if (name == "manifest-descriptor") return Of::manifest_descriptor;
  if (name == "index-descriptor")
    return fail(Error(Fault::user, "annotations of an index's descriptor are not served").remedy("use index:"));
  return fail(Error(Fault::user, fmt::format("'{}' is no type of annotation", printable(name)))
                  .remedy("manifest, index and manifest-descriptor are"));
}

}  // namespace

Result<std::vector<AnnotationFlag>> parse_annotation_flag(const std::string& value) {
  const std::size_t equals = value.find('=');
  const std::string head = value.substr(0, equals);
  const std::size_t colon = head.find(':');
  const std::string key = colon == std::string::npos ? head : head.substr(colon + 1);
  if (equals == std::string::npos || key.empty())
    return fail(
        Error(Fault::user, fmt::format("'{}' is no annotation", printable(value))).remedy("write [TYPE:]KEY=VALUE"));
  AnnotationFlag flag{Of::manifest, {}, key, value.substr(equals + 1)};
  if (colon == std::string::npos) return std::vector{flag};
  std::vector<AnnotationFlag> out;
  for (const std::string& type : split(head.substr(0, colon), ',')) {
    const std::size_t bracket = type.find('[');
    flag.platform.clear();
    if (bracket != std::string::npos) {
      if (!type.ends_with(']') || type.size() == bracket + 2)
        return fail(Error(Fault::user, fmt::format("'{}' names no platform", printable(type)))
                        .remedy("write manifest[linux/amd64]:KEY=VALUE"));
      flag.platform = type.substr(bracket + 1, type.size() - bracket - 2);
    }
    SCANGATE_TRY(flag.of, type_of(std::string_view(type).substr(0, bracket)));
    if (flag.of == Of::index && !flag.platform.empty()) return fail(Fault::user, "an index is of no platform alone");
    out.push_back(flag);
  }
  return out;
}

Flag annotation(std::vector<AnnotationFlag>& into) {
  return {"annotation", '\0', Flag::Kind::value, [&into](const std::string& value) -> Result<void> {
            SCANGATE_TRY(auto flags, parse_annotation_flag(value));
            into.insert(into.end(), flags.begin(), flags.end());
            return {};
          }};
}

}  // namespace scangate::command
