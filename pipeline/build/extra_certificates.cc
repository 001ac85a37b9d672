#include "pipeline/build/extra_certificates.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <set>

#include "base/file.h"
#include "pipeline/build/paths.h"

namespace scangate::build {
namespace {

constexpr std::size_t kMaxBundleBytes = 16U << 20U;  // Debian's has 0.2 MB
// Certificates in a bundle; Debian's has 140.
constexpr std::size_t kMaxCertificates = 20'000;
constexpr std::array<std::string_view, 2> kBundles = {"etc/ssl/certs/ca-certificates.crt",
                                                      "etc/pki/tls/certs/ca-bundle.crt"};
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

// The PEM blocks of a text, each from its first dash to its last (RFC 7468 section 2).
std::vector<std::string_view> blocks(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t begin = text.find(kBegin); begin != std::string_view::npos && out.size() < kMaxCertificates;
       begin = text.find(kBegin, begin)) {
    const std::size_t end = text.find(kEnd, begin);
    if (end == std::string_view::npos) break;
    out.push_back(text.substr(begin, end + kEnd.size() - begin));
    begin = end + kEnd.size();
  }
  return out;
}

// Line lengths and line ends differ between bundles; the letters do not.
std::string letters(std::string_view block) {
  std::string out;
  for (const char c : block)
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') out += c;
  return out;
}

// `path` below `top` by real folders only: a link that the step put on the way could lead out of it. No folder is an
// empty descriptor.
Result<UniqueFd> open_plain_folder(const std::filesystem::path& top, const std::filesystem::path& path) {
  SCANGATE_TRY(UniqueFd folder, open_file(top, O_RDONLY | O_DIRECTORY));
  for (const auto& part : path) {
    folder = UniqueFd(::openat(folder.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder) break;
  }
  return folder;
}

// Removes a file and leaves its folder's times as they were.
Result<void> remove_entry(int folder, const std::string& name) {
  struct stat before{};
  if (::fstat(folder, &before) != 0 || ::unlinkat(folder, name.c_str(), 0) != 0)
    return fail(host_error("cannot remove " + name + " from the step's changes", errno));
  const timespec times[2] = {before.st_atim, before.st_mtim};
  if (::futimens(folder, times) != 0) return fail(host_error("cannot set the times of the folder of " + name, errno));
  return {};
}

}  // namespace

std::string missing_certificates(std::string_view image, std::string_view host) {
  std::set<std::string> known;
  for (const auto block : blocks(image))
    known.insert(letters(block));
  std::string out;
  for (const auto block : blocks(host))
    if (known.insert(letters(block)).second) out += "\n" + std::string(block) + "\n";
  return out;
}

Result<ExtraCertificates> ExtraCertificates::lend(const std::filesystem::path& root, const std::filesystem::path& upper,
                                                  const std::filesystem::path& host_bundle) {
  ExtraCertificates extra;
  std::error_code ignored;
  if (host_bundle.empty() || !std::filesystem::exists(host_bundle, ignored)) return extra;
  SCANGATE_TRY(auto tree, SourceTree::open(root, "the step's root", {}));
  SCANGATE_TRY(const UniqueFd folder, open_file(root, O_PATH | O_DIRECTORY));
  for (const std::string_view known : kBundles) {
    SCANGATE_TRY(const std::string path, resolve_path(tree, known));
    SCANGATE_TRY(const auto node, tree.node(path));
    if (!node || node->type != EntryType::file) continue;
    SCANGATE_TRY(const UniqueFd file, open_in_root(folder.get(), path, O_RDWR | O_NOFOLLOW));
    SCANGATE_TRY(const std::string own, read_fd(file.get(), kMaxBundleBytes, path));
    SCANGATE_TRY(const std::string host, read_file(host_bundle, kMaxBundleBytes));
    extra.extra_ = missing_certificates(own, host);
    if (extra.extra_.empty()) return extra;
    SCANGATE_CHECK(
        write_fd(file.get(), as_bytes(extra.extra_), path));  // the position is at the end: all of it was read
    struct stat info{};
    if (::fstat(file.get(), &info) != 0) return fail(host_error("cannot look at /" + path, errno));
    extra.lent_ = stamp_of(info);
    extra.root_ = root;
    extra.upper_ = upper;
    extra.bundle_ = path;
    return extra;
  }
  return extra;
}

Result<void> ExtraCertificates::take_back() {
  if (bundle_.empty()) return {};
  const std::string path = std::exchange(bundle_, {});
  SCANGATE_TRY(const UniqueFd folder, open_file(root_, O_PATH | O_DIRECTORY));
  auto file = open_in_root(folder.get(), path, O_RDWR | O_NOFOLLOW);
  if (!file) return {};  // the step removed it, or put something else there
  struct stat info{};
  if (::fstat(file->get(), &info) != 0) return fail(host_error("cannot look at /" + path, errno));
  if (stamp_of(info) == lent_) {
    // The copy that our writing made goes from the upper folder itself: removed through the merged tree it would leave
    // a whiteout.
    SCANGATE_TRY(const UniqueFd parent, open_plain_folder(upper_, std::filesystem::path(path).parent_path()));
    if (parent) return remove_entry(parent.get(), std::filesystem::path(path).filename());
  }
  SCANGATE_TRY(std::string text, read_fd(file->get(), kMaxBundleBytes, path));
  const std::size_t at = text.find(extra_);
  if (at == std::string::npos) return {};
  text.erase(at, extra_.size());
  if (::ftruncate(file->get(), 0) != 0 || ::lseek(file->get(), 0, SEEK_SET) != 0)
    return fail(host_error("cannot rewrite /" + path, errno));
  return write_fd(file->get(), as_bytes(text), path);
}

}  // namespace scangate::build
