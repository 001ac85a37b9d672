#include "pipeline/image/layer_paths.h"

#include "pipeline/image/layer.h"

namespace scangate {

std::optional<std::string> clean_layer_path(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  while (!raw.empty()) {
    const std::size_t slash = raw.find('/');
    const std::string_view component = raw.substr(0, slash);
    raw.remove_prefix(slash == std::string_view::npos ? raw.size() : slash + 1);
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (out.empty()) return std::nullopt;
      const std::size_t cut = out.rfind('/');
      out.resize(cut == std::string::npos ? 0 : cut);
      continue;
    }
    if (!out.empty()) out.push_back('/');
    out.append(component);
  }
  return out;
}

bool is_clean_layer_path(std::string_view path) {
  if (path.size() > kMaxPathBytes || path.find('\0') != std::string_view::npos) return false;
  if (path.empty()) return true;
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    if (component.empty() || component == "." || component == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace scangate
