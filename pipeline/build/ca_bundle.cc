#include "pipeline/build/ca_bundle.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "pipeline/build/paths.h"
#include "pipeline/build/source_tree.h"

namespace scangate::build {
namespace {

constexpr std::size_t kMaxPackageListBytes = 64 * 1024 * 1024;  // Alpine's database of all packages is below 10 MB
constexpr std::size_t kMaxBundleBytes = 16 * 1024 * 1024;       // Debian's has 0.2 MB
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

// dpkg leaves a folder alone that is already there, so a folder of ours may have become a package's (openssl ships an
// empty /etc/ssl/certs): the package lists know.
Result<bool> CaBundle::belongs_to_package(const std::string& folder) const {
  SCANGATE_TRY(auto tree, SourceTree::open(fmt::format("/proc/self/fd/{}", root_.get()), "the step's root", {}));
  const auto has_line = [&](const std::string& path, const std::string& wanted) {
    auto text = tree.read_text(path, kMaxPackageListBytes);
    // A list that cannot be read may name the folder: keeping it is the safe side.
    return !text || ("\n" + *text + "\n").find("\n" + wanted + "\n") != std::string::npos;
  };
  constexpr std::string_view kApk = "lib/apk/db/installed";
  SCANGATE_TRY(auto apk, tree.node(std::string(kApk)));
  if (apk && has_line(std::string(kApk), "F:" + folder)) return true;
  SCANGATE_TRY(auto dpkg, tree.node("var/lib/dpkg/info"));
  if (!dpkg || dpkg->type != EntryType::directory) return false;
  SCANGATE_TRY(const auto lists, tree.list("var/lib/dpkg/info"));
  for (const TreeItem& list : lists) {
    if (list.path.ends_with(".list") && has_line(list.path, "/" + folder)) return true;
  }
  return false;
}

Result<void> CaBundle::take_back() {
  if (!lent_) return {};
  const FileStamp lent = *std::exchange(lent_, std::nullopt);
  // The step may have put links where our folders were: every parent is opened inside the root, every name by itself.
  const auto parent_of = [&](std::string_view path) {
    return open_in_root(root_.get(), "./" + std::string(parent_path(path)), O_PATH | O_DIRECTORY);
  };
  const std::string name(base_name(kBundle));
  struct stat now{};
  if (auto parent = parent_of(kBundle); parent &&
                                        ::fstatat(parent->get(), name.c_str(), &now, AT_SYMLINK_NOFOLLOW) == 0 &&
                                        stamp_of(now) == lent && ::unlinkat(parent->get(), name.c_str(), 0) != 0)
    return fail(host_error("cannot remove /" + std::string(kBundle), errno));
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
    auto parent = parent_of(folder->path);
    if (!parent) continue;
    const std::string last = folder->path.empty() ? "." : std::string(base_name(folder->path));
    if (::fstatat(parent->get(), last.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(now.st_mode)) continue;
    if (folder->created) {
      SCANGATE_TRY(const bool package, belongs_to_package(folder->path));
      // Not empty: still in use by what the step put there.
      if (!package && ::unlinkat(parent->get(), last.c_str(), AT_REMOVEDIR) != 0 && errno != ENOTEMPTY &&
          errno != EEXIST)
        return fail(host_error("cannot remove /" + folder->path, errno));
      continue;
    }
    // Times are put back; when the step itself changed the folder, only its time is the old one.
    const timespec times[2] = {folder->accessed, folder->modified};
    if (::utimensat(parent->get(), last.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(host_error("cannot set the times of /" + folder->path, errno));
  }
  return {};
}

}  // namespace scangate::build
