#include "pipeline/build/cache_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "base/text.h"

namespace scangate::build {
namespace {

constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";
constexpr std::string_view kLayoutText = R"({"imageLayoutVersion":"1.0.0"})";
constexpr const char* kBlobs = "blobs/sha256";

std::string tag_of(const Descriptor& entry) {
  const auto found = entry.annotations.find(std::string(kRefName));
  return found == entry.annotations.end() ? std::string() : found->second;
}

std::string blob_path(const Digest& digest) {
  return fmt::format("{}/{}", kBlobs, digest.hex());
}

class CancellableSource final : public ByteSource {
 public:
  CancellableSource(UniqueFd fd, std::string name, const Cancel& cancel)
      : file_(std::move(fd), std::move(name)), cancel_(cancel) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (cancel_.cancelled()) return fail(cancelled_error());
    return file_.read(buffer);
  }

 private:
  FdSource file_;
  const Cancel& cancel_;
};

// Beside its name first, and a new file in any case: what lies there may be a link or a pipe.
Result<void> put_file(int folder, const std::string& name, ByteSource& content) {
  const std::string partial = name + ".partial";
  ::unlinkat(folder, partial.c_str(), 0);
  UniqueFd fd(::openat(folder, partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) return fail(host_error("cannot write " + name + " into the cache folder", errno));
  FdSink sink(std::move(fd), name);
  if (auto copied = copy_bytes(content, sink); !copied) {
    ::unlinkat(folder, partial.c_str(), 0);
    return fail(std::move(copied).error());
  }
  if (::renameat(folder, partial.c_str(), folder, name.c_str()) != 0)
    return fail(host_error("cannot write " + name + " into the cache folder", errno));
  return {};
}

// One level at a time: mkdirat() would follow a link on its way.
Result<UniqueFd> make_folder(int parent, const char* name) {
  if (::mkdirat(parent, name, 0755) != 0 && errno != EEXIST)
    return fail(host_error(fmt::format("cannot make {} in the cache folder", name), errno));
  return open_in_root(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Result<void> put_text(int folder, const std::string& name, std::string_view text) {
  StringSource source{std::string(text)};
  return put_file(folder, name, source);
}

}  // namespace

Result<CacheFolder> CacheFolder::open(const std::filesystem::path& folder) {
  SCANGATE_TRY(UniqueFd root, scangate::open_file(folder, O_RDONLY | O_DIRECTORY));
  return CacheFolder(std::move(root));
}

// Plain files only: a pipe would keep us waiting.
Result<UniqueFd> CacheFolder::open_file(const std::string& name) const {
  SCANGATE_TRY(UniqueFd fd, open_in_root(root_.get(), name, O_RDONLY | O_NONBLOCK));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return fail(Fault::user, fmt::format("{} in the cache folder is no plain file", name));
  return fd;
}

Result<std::optional<std::string>> CacheFolder::index_text() const {
  struct stat status{};
  if (::fstatat(root_.get(), "index.json", &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
    return std::optional<std::string>();
  SCANGATE_TRY(const UniqueFd fd, open_file("index.json"));
  SCANGATE_TRY(std::string text, read_fd(fd.get(), kMaxManifestBytes, "index.json"));
  return std::optional(std::move(text));
}

Result<std::optional<std::string>> CacheFolder::manifest(const std::string& tag,
                                                         const std::optional<Digest>& digest) const {
  std::optional<Digest> wanted = digest;
  if (!wanted) {
    SCANGATE_TRY(const auto text, index_text());
    if (!text) return std::optional<std::string>();
    SCANGATE_TRY(const ImageIndex index, parse_index(*text, "index.json"));
    const std::string name = tag.empty() ? "latest" : tag;
    for (const Descriptor& entry : index.manifests)
      if (tag_of(entry) == name) wanted = entry.digest;
    if (!wanted && tag.empty() && index.manifests.size() == 1) wanted = index.manifests.front().digest;
    if (!wanted) return std::optional<std::string>();
  }
  SCANGATE_TRY(std::string document, this->text(*wanted, kMaxManifestBytes));
  return std::optional(std::move(document));
}

Result<std::string> CacheFolder::text(const Digest& digest, std::size_t cap_bytes) const {
  SCANGATE_TRY(const UniqueFd fd, open_file(blob_path(digest)));
  SCANGATE_TRY(std::string text, read_fd(fd.get(), cap_bytes, digest.str()));
  if (Digest::of(text) != digest)
    return fail(Fault::user, fmt::format("blob {} in the cache folder does not have this digest", digest.str()));
  return text;
}

Result<void> CacheFolder::take(const Descriptor& blob, Store& store, const Cancel& cancel) const {
  SCANGATE_TRY(UniqueFd fd, open_file(blob_path(blob.digest)));
  CancellableSource source(std::move(fd), blob.digest.str(), cancel);
  SCANGATE_TRY(BlobWriter writer, store.new_blob());
  SCANGATE_CHECK(copy_bytes(source, writer, blob.size_bytes));
  return writer.commit_expecting(blob.digest, blob.size_bytes);
}

Result<void> CacheFolder::put(const Store& store, const Digest& manifest_digest, const std::string& tag,
                              const Cancel& cancel) const {
  SCANGATE_TRY(const auto before, index_text());
  ImageIndex index{.media_type = std::string(media_type::kOciIndex), .manifests = {}, .annotations = {}};
  if (before) {
    SCANGATE_TRY(index, parse_index(*before, "index.json of the cache folder"));
  }
  SCANGATE_TRY(const std::string text, store.read_blob(manifest_digest, kMaxManifestBytes));
  SCANGATE_TRY(const Manifest manifest, parse_manifest(text, manifest_digest.str()));
  SCANGATE_TRY(const UniqueFd outer, make_folder(root_.get(), "blobs"));
  SCANGATE_TRY(const UniqueFd blobs, make_folder(outer.get(), "sha256"));
  std::vector<Descriptor> parts = manifest.layers;
  parts.push_back(manifest.config);
  for (const Descriptor& each : parts) {
    const std::string name = each.digest.hex();
    struct stat status{};
    if (::fstatat(blobs.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
        static_cast<std::uint64_t>(status.st_size) == each.size_bytes)
      continue;
    SCANGATE_TRY(UniqueFd from, store.open_blob(each.digest));
    CancellableSource source(std::move(from), each.digest.str(), cancel);
    SCANGATE_CHECK(put_file(blobs.get(), name, source));
  }
  SCANGATE_CHECK(put_text(blobs.get(), manifest_digest.hex(), text));
  SCANGATE_CHECK(put_text(root_.get(), "oci-layout", kLayoutText));
  Descriptor entry;
  entry.media_type = manifest.media_type;
  entry.digest = manifest_digest;
  entry.size_bytes = text.size();
  const std::string name = tag.empty() ? "latest" : tag;
  entry.annotations[std::string(kRefName)] = name;
  std::erase_if(index.manifests, [&](const Descriptor& old) { return tag_of(old) == name; });
  index.manifests.push_back(std::move(entry));
  // Last: a reader sees the cache only when all of it is there.
  return put_text(root_.get(), "index.json", to_json(index));
}

}  // namespace scangate::build
