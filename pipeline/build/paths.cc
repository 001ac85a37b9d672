#include "pipeline/build/paths.h"

#include <deque>

#include "base/text.h"
#include "pipeline/dockerfile/ignore.h"

namespace scangate::build {

std::string join_path(std::string_view folder, std::string_view name) {
  if (folder.empty()) return std::string(name);
  if (name.empty()) return std::string(folder);
  std::string out(folder);
  out += '/';
  out += name;
  return out;
}

std::string_view parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string path_in_root(std::string_view path) {
  return dockerfile::clean_path("/" + std::string(path)).substr(1);
}

Result<std::string> resolve_path(PathLookup& lookup, std::string_view path) {
  std::deque<std::string> left;
  for (std::string& part : split(path, '/'))
    left.push_back(std::move(part));
  std::string done;
  int links = 0;
  while (!left.empty()) {
    const std::string part = std::move(left.front());
    left.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      done = std::string(parent_path(done));
      continue;
    }
    std::string here = join_path(done, part);
    SCANGATE_TRY(auto node, lookup.node(here));
    if (!node || node->type != EntryType::symlink) {
      done = std::move(here);
      continue;
    }
    if (++links > kMaxSymlinks)
      return fail(Fault::user, fmt::format("'{}' leads through more than {} symlinks", printable(path), kMaxSymlinks));
    if (node->link_target.starts_with('/')) done.clear();
    auto parts = split(node->link_target, '/');
    left.insert(left.begin(), parts.begin(), parts.end());
  }
  return done;
}

}  // namespace scangate::build
