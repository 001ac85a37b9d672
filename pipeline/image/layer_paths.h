#pragma once
// Paths of tar entries. Private to this folder.
#include <optional>
#include <string>
#include <string_view>

namespace scangate {

// Without leading "/" and "./", double slashes, "." and a trailing "/"; ".." taken back against what stands before it.
// nullopt when it leads out of the root. "" is the root.
std::optional<std::string> clean_layer_path(std::string_view raw);
// Whether clean_layer_path() would change nothing and the path fits PATH_MAX.
bool is_clean_layer_path(std::string_view path);

}  // namespace scangate
