#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "pipeline/image/archive_file.h"
#include "pipeline/image/blob_import.h"
#include "pipeline/image/image_index.h"
#include "pipeline/image/oci_layout.h"

namespace scangate {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";
constexpr std::string_view kContainerdName = "io.containerd.image.name";
constexpr std::string_view kLayoutText = R"({"imageLayoutVersion":"1.0.0"})";

// A layout holds OCI documents: Docker's manifest says the same under other types.
std::string oci_type(const std::string& type) {
  if (type == media_type::kDockerManifest) return std::string(media_type::kOciManifest);
  if (type == media_type::kDockerConfig) return std::string(media_type::kOciConfig);
  if (type == media_type::kDockerLayerGzip) return std::string(media_type::kOciLayerGzip);
  return type;
}

struct LayoutImage {
  Descriptor manifest;  // or the index
  std::vector<std::pair<Digest, std::string>> documents;
  std::vector<Descriptor> blobs;  // configs and layers, each once
};

void add_blobs(const Manifest& manifest, std::set<Digest>& seen, LayoutImage& out) {
  if (seen.insert(manifest.config.digest).second) out.blobs.push_back(manifest.config);
  for (const Descriptor& layer : manifest.layers)
    if (seen.insert(layer.digest).second) out.blobs.push_back(layer);
}

// Byte for byte, Docker's list and its manifests too: its digests stand in it.
Result<LayoutImage> layout_index(const Store& store, const Digest& digest, const ImageIndex& index) {
  LayoutImage out;
  std::set<Digest> seen;
  const auto add_document = [&](const Digest& of) -> Result<std::string> {
    SCANGATE_TRY(std::string text, store.read_blob(of, kMaxManifestBytes));
    out.documents.emplace_back(of, text);
    return text;
  };
  for (const Descriptor& entry : index.manifests) {
    if (!seen.insert(entry.digest).second) continue;
    SCANGATE_TRY(const std::string text, add_document(entry.digest));
    SCANGATE_TRY(const Manifest manifest, parse_manifest(text, "manifest " + entry.digest.str()));
    add_blobs(manifest, seen, out);
  }
  SCANGATE_TRY(const std::string text, add_document(digest));
  out.manifest.media_type = index.media_type;
  out.manifest.digest = digest;
  out.manifest.size_bytes = text.size();
  return out;
}

Result<LayoutImage> layout_manifest(const Store& store, const Digest& manifest_digest) {
  LayoutImage out;
  SCANGATE_TRY(std::string manifest_text, store.read_blob(manifest_digest, kMaxManifestBytes));
  SCANGATE_TRY(Manifest manifest, parse_manifest(manifest_text, "manifest " + manifest_digest.str()));
  if (manifest.media_type == media_type::kDockerManifest) {
    manifest.media_type = media_type::kOciManifest;
    manifest.config.media_type = oci_type(manifest.config.media_type);
    for (Descriptor& layer : manifest.layers)
      layer.media_type = oci_type(layer.media_type);
    manifest_text = to_json(manifest);
  }
  SCANGATE_TRY(const ImageConfig config, store.config(manifest));
  out.manifest.media_type = manifest.media_type;
  out.manifest.digest = Digest::of(manifest_text);
  out.manifest.size_bytes = manifest_text.size();
  out.manifest.platform = config.platform;
  std::set<Digest> seen;
  add_blobs(manifest, seen, out);
  out.documents.emplace_back(out.manifest.digest, std::move(manifest_text));
  return out;
}

Result<LayoutImage> layout_image(const Store& store, const Digest& digest, const std::string& name,
                                 const std::string& tag) {
  SCANGATE_TRY(const auto index, stored_index(store, digest));
  SCANGATE_TRY(LayoutImage out, index ? layout_index(store, digest, *index) : layout_manifest(store, digest));
  const auto reference = Reference::parse(name);
  if (reference) out.manifest.annotations[std::string(kContainerdName)] = reference->str();
  std::string ref_name = tag;
  if (ref_name.empty() && reference) ref_name = reference->tag;
  if (!ref_name.empty()) out.manifest.annotations[std::string(kRefName)] = ref_name;
  return out;
}

// The new entry in place of those with its name.
void put_entry(ImageIndex& index, const Descriptor& manifest) {
  const auto name_of = [](const Descriptor& descriptor) {
    const auto found = descriptor.annotations.find(std::string(kRefName));
    return found == descriptor.annotations.end() ? std::string() : found->second;
  };
  std::erase_if(index.manifests, [&](const Descriptor& old) {
    return old.digest == manifest.digest ? name_of(old).empty() || name_of(old) == name_of(manifest)
                                         : !name_of(manifest).empty() && name_of(old) == name_of(manifest);
  });
  index.manifests.push_back(manifest);
}

Result<void> write_blob_file(const Store& store, const Descriptor& blob, const fs::path& path, const Cancel& cancel,
                             Progress& progress) {
  struct stat status{};
  if (stat(path.c_str(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) == blob.size_bytes) return {};
  SCANGATE_TRY(UniqueFd from, store.open_blob(blob.digest));
  FdSource source(std::move(from), "blob " + blob.digest.str());
  WatchedSource watched(source, "blob " + blob.digest.brief(), blob.size_bytes, cancel, progress);
  // Beside its name first: an interrupted export must not leave a blob that looks whole.
  const fs::path partial = path.string() + ".partial";
  SCANGATE_TRY(UniqueFd to, open_file(partial, O_WRONLY | O_CREAT | O_TRUNC));
  FdSink sink(std::move(to), path.string());
  if (auto copied = copy_bytes(watched, sink); !copied) {
    ::unlink(partial.c_str());
    return fail(std::move(copied).error());
  }
  if (::rename(partial.c_str(), path.c_str()) != 0) return fail(host_error("cannot put " + path.string(), errno));
  return {};
}

}  // namespace

Result<void> export_oci_folder(const Store& store, const Digest& manifest_digest, const std::string& name,
                               const std::string& tag, const fs::path& folder, const Cancel& cancel,
                               Progress& progress) {
  SCANGATE_TRY(const LayoutImage image, layout_image(store, manifest_digest, name, tag));
  const fs::path blobs = folder / "blobs" / "sha256";
  SCANGATE_CHECK(make_directories(blobs));
  ImageIndex index{.media_type = std::string(media_type::kOciIndex)};
  if (struct stat status{}; stat((folder / "index.json").c_str(), &status) == 0) {
    SCANGATE_TRY(const std::string text, read_file(folder / "index.json", kMaxManifestBytes));
    SCANGATE_TRY(index, parse_index(text, (folder / "index.json").string()));
  }
  for (const Descriptor& blob : image.blobs)
    SCANGATE_CHECK(write_blob_file(store, blob, blobs / blob.digest.hex(), cancel, progress));
  for (const auto& [digest, text] : image.documents)
    SCANGATE_CHECK(write_file_atomic(blobs / digest.hex(), as_bytes(text)));
  SCANGATE_CHECK(write_file_atomic(folder / "oci-layout", as_bytes(kLayoutText)));
  put_entry(index, image.manifest);
  // Last: a reader sees the image only when all of it is there.
  return write_file_atomic(folder / "index.json", as_bytes(to_json(index)));
}

Result<void> export_oci_archive(const Store& store, const Digest& manifest_digest, const std::string& name,
                                const std::string& tag, const fs::path& file, const Cancel& cancel,
                                Progress& progress) {
  SCANGATE_TRY(const LayoutImage image, layout_image(store, manifest_digest, name, tag));
  SCANGATE_TRY(ArchiveFile archive, ArchiveFile::create(file));
  ImageIndex index{.media_type = std::string(media_type::kOciIndex)};
  put_entry(index, image.manifest);
  SCANGATE_CHECK(archive.add_text("oci-layout", kLayoutText));
  SCANGATE_CHECK(archive.add_text("index.json", to_json(index)));
  for (const auto& [digest, text] : image.documents)
    SCANGATE_CHECK(archive.add_text("blobs/sha256/" + digest.hex(), text));
  for (const Descriptor& blob : image.blobs) {
    SCANGATE_TRY(UniqueFd from, store.open_blob(blob.digest));
    FdSource source(std::move(from), "blob " + blob.digest.str());
    WatchedSource watched(source, "blob " + blob.digest.brief(), blob.size_bytes, cancel, progress);
    SCANGATE_CHECK(archive.add("blobs/sha256/" + blob.digest.hex(), blob.size_bytes, watched));
  }
  return archive.finish();
}

}  // namespace scangate
