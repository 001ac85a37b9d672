#include "pipeline/build/ca_bundle.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "pipeline/build/paths.h"
#include "pipeline/build/source_tree.h"

namespace scangate::build {
namespace {

constexpr std::size_t kMaxBundleBytes = 16 * 1024 * 1024;  // Debian's has 0.2 MB
constexpr std::string_view kBundle =
    "etc/ssl/certs/ca-certificates.crt";  // Debian, Alpine, Arch; Go and OpenSSL look there
constexpr std::string_view kRedHatBundle = "etc/pki/tls/certs/ca-bundle.crt";

}  // namespace

Result<CaBundle> CaBundle::lend(const std::filesystem::path& root, const std::filesystem::path& host_bundle) {
  CaBundle bundle;
  std::error_code ignored;
  if (host_bundle.empty() || !std::filesystem::exists(host_bundle, ignored)) return bundle;
  SCANGATE_TRY(auto tree, SourceTree::open(root, "the step's root", {}));
  for (const std::string_view known : {kBundle, kRedHatBundle}) {
    SCANGATE_TRY(const std::string resolved, resolve_path(tree, known));
    SCANGATE_TRY(auto node, tree.node(resolved));
    if (node) return bundle;
  }
  // Links on the way (an image may point /etc/ssl elsewhere) are the image's business: nothing is lent then.
  std::vector<std::string> paths{"", "etc", "etc/ssl", "etc/ssl/certs"};
  for (const std::string& path : paths) {
    SCANGATE_TRY(auto node, tree.node(path));
    if (node && node->type != EntryType::directory) return bundle;
  }
  SCANGATE_TRY(const std::string text, read_file(host_bundle, kMaxBundleBytes));
  SCANGATE_TRY(bundle.root_, open_file(root, O_RDONLY | O_DIRECTORY));
  for (const std::string& path : paths) {
    Folder folder{path};
    const char* name = path.empty() ? "." : path.c_str();
    struct stat info{};
    if (::fstatat(bundle.root_.get(), name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
      folder.accessed = info.st_atim;
      folder.modified = info.st_mtim;
    } else {
      if (::mkdirat(bundle.root_.get(), name, 0755) != 0) return fail(host_error("cannot make /" + path, errno));
      folder.created = true;
    }
    bundle.folders_.push_back(std::move(folder));
  }
  SCANGATE_TRY(auto fd, open_in_root(bundle.root_.get(), std::string(kBundle), O_WRONLY | O_CREAT | O_EXCL, 0644));
  SCANGATE_CHECK(write_fd(fd.get(), as_bytes(text), kBundle));
  SCANGATE_TRY(auto item, tree.item(std::string(kBundle)));
  if (item) bundle.lent_ = item->stamp;
  return bundle;
}

Result<void> CaBundle::take_back() {
  if (!lent_) return {};
  const FileStamp lent = *std::exchange(lent_, std::nullopt);
  const std::string path(kBundle);
  struct stat now{};
  if (::fstatat(root_.get(), path.c_str(), &now, AT_SYMLINK_NOFOLLOW) == 0 && stamp_of(now) == lent &&
      ::unlinkat(root_.get(), path.c_str(), 0) != 0)
    return fail(host_error("cannot remove /" + path, errno));
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
    const char* name = folder->path.empty() ? "." : folder->path.c_str();
    if (folder->created) {
      // Still in use by what the step put there: then it stays.
      if (::unlinkat(root_.get(), name, AT_REMOVEDIR) == 0) continue;
      if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT && errno != ENOTDIR)
        return fail(host_error("cannot remove /" + folder->path, errno));
      continue;
    }
    struct stat info{};
    if (::fstatat(root_.get(), name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(info.st_mode)) continue;
    // Times are put back; when the step itself changed the folder, only its time is the old one.
    const timespec times[2] = {folder->accessed, folder->modified};
    if (::utimensat(root_.get(), name, times, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(host_error("cannot set the times of /" + folder->path, errno));
  }
  return {};
}

}  // namespace scangate::build
