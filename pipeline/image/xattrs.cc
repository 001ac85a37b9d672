#include "pipeline/image/xattrs.h"

#include <sys/xattr.h>

#include <cerrno>

namespace scangate {
namespace {

// The kernel's own limits for a list of names and for one value (XATTR_LIST_MAX, XATTR_SIZE_MAX).
constexpr std::size_t kMaxKernelXattr = 65536;

}  // namespace

bool is_layer_xattr(std::string_view name) {
  if (name.starts_with("user.overlay.")) return false;
  return name == "security.capability" || name.starts_with("user.");
}

Result<Xattrs> read_xattrs(int fd, std::string_view shown) {
  Xattrs out;
  // Most files have none: one call with room for short lists settles it.
  char few[256];
  std::string names;
  ssize_t size = flistxattr(fd, few, sizeof few);
  if (size > 0) names.assign(few, static_cast<std::size_t>(size));
  if (size < 0 && errno == ERANGE) {
    names.resize(kMaxKernelXattr);
    size = flistxattr(fd, names.data(), names.size());
    names.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  }
  if (size < 0 && errno == ENOTSUP) return out;
  if (size < 0) return fail(host_error(fmt::format("cannot list the extended attributes of {}", shown), errno));
  for (std::size_t at = 0; at < names.size();) {
    const std::string name = names.c_str() + at;
    at += name.size() + 1;
    std::string value(256, '\0');
    ssize_t length = fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (length < 0 && errno == ERANGE) {
      value.resize(kMaxKernelXattr);
      length = fgetxattr(fd, name.c_str(), value.data(), value.size());
    }
    if (length < 0 && (errno == ENODATA || errno == ENOTSUP)) continue;
    if (length < 0)
      return fail(host_error(fmt::format("cannot read the extended attribute {} of {}", name, shown), errno));
    value.resize(static_cast<std::size_t>(length));
    out.emplace(name, std::move(value));
  }
  return out;
}

Result<Xattrs> layer_xattrs(int fd, std::string_view shown) {
  SCANGATE_TRY(Xattrs all, read_xattrs(fd, shown));
  std::erase_if(all, [](const auto& item) { return !is_layer_xattr(item.first); });
  return all;
}

}  // namespace scangate
