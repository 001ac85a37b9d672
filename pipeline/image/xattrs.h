#pragma once
// Extended attributes that layers carry, and those that overlayfs keeps for itself. Private to this folder.
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate {

using Xattrs = std::map<std::string, std::string>;

// What a layer may carry: security.capability and user.*, without overlayfs's own. Others (security.selinux,
// trusted.*) belong to the host, not to an image.
bool is_layer_xattr(std::string_view name);

// All attributes of an open file or directory; none where the filesystem has no attributes.
Result<Xattrs> read_xattrs(int fd, std::string_view shown);
// Only those that a layer carries.
Result<Xattrs> layer_xattrs(int fd, std::string_view shown);

}  // namespace scangate
