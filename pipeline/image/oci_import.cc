#include <fcntl.h>

#include <algorithm>
#include <map>

#include "base/archive/decompress.h"
#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/image/blob_import.h"
#include "pipeline/image/image_index.h"
#include "pipeline/image/layer_entries.h"
#include "pipeline/image/oci_layout.h"

namespace scangate {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";
constexpr std::string_view kContainerdName = "io.containerd.image.name";
constexpr std::size_t kMaxLayoutFile = 4096;
// An index may name an index (image-index.md); nobody nests deeper than this.
constexpr int kMaxIndexDepth = 4;
// Blobs of one archive: what a full index can name, each with a config and some layers.
constexpr std::size_t kMaxArchiveEntries = 20'000;

// Where the blobs of a layout come from.
class LayoutBlobs {
 public:
  virtual ~LayoutBlobs() = default;
  virtual Result<std::unique_ptr<ByteSource>> open(const Descriptor& descriptor) const = 0;
  // Whether its blobs are in the store already, digests verified.
  virtual bool in_store() const = 0;
};

class FolderBlobs final : public LayoutBlobs {
 public:
  FolderBlobs(int folder_fd, std::string shown) : folder_fd_(folder_fd), shown_(std::move(shown)) {}
  Result<std::unique_ptr<ByteSource>> open(const Descriptor& descriptor) const override {
    const std::string path = "blobs/sha256/" + descriptor.digest.hex();
    auto fd = open_in_root(folder_fd_, path, O_RDONLY);
    if (!fd)
      return fail(Error(Fault::user, fmt::format("blob {} is missing: {}", descriptor.digest.str(), fd.error().cause()))
                      .at(shown_));
    return std::make_unique<FdSource>(std::move(*fd), shown_ + "/" + path);
  }
  bool in_store() const override { return false; }

 private:
  int folder_fd_;
  std::string shown_;
};

class StoreBlobs final : public LayoutBlobs {
 public:
  StoreBlobs(const Store& store, std::string shown) : store_(store), shown_(std::move(shown)) {}
  Result<std::unique_ptr<ByteSource>> open(const Descriptor& descriptor) const override {
    auto fd = store_.open_blob(descriptor.digest);
    if (!fd) return fail(Error(Fault::user, fmt::format("blob {} is missing", descriptor.digest.str())).at(shown_));
    return std::make_unique<FdSource>(std::move(*fd), shown_);
  }
  bool in_store() const override { return true; }

 private:
  const Store& store_;
  std::string shown_;
};

class LayoutImport {
 public:
  LayoutImport(Store& store, const LayoutBlobs& blobs, std::string shown, const std::optional<Platform>& platform,
               const Cancel& cancel, Progress& progress)
      : store_(store),
        blobs_(blobs),
        shown_(std::move(shown)),
        platform_(platform),
        cancel_(cancel),
        progress_(progress) {}

  Result<Imported> run(const std::string& index_text, const std::string& tag) {
    SCANGATE_TRY(const ImageIndex index, parse_index(index_text, shown_ + "/index.json"));
    Imported out;
    if (!platform_ && tag.empty() && index.manifests.size() > 1) {
      // The layout's own list is the index then.
      for (const Descriptor& entry : index.manifests)
        SCANGATE_CHECK(import_part(entry));
      SCANGATE_TRY(out.manifest_digest, store_.put_blob(index_text));
      return out;
    }
    SCANGATE_TRY(const Descriptor* chosen, choose(index, tag));
    if (auto name = name_of(*chosen)) out.names.push_back(std::move(*name));
    if (!platform_ && is_index_type(chosen->media_type)) {
      SCANGATE_CHECK(import_index(*chosen));
      out.manifest_digest = chosen->digest;
      return out;
    }
    SCANGATE_TRY(const Descriptor manifest, resolve(*chosen, 0));
    SCANGATE_CHECK(import_manifest(manifest));
    out.manifest_digest = manifest.digest;
    return out;
  }

 private:
  tl::unexpected<Error> wrong(std::string cause) const { return fail(Error(Fault::user, std::move(cause)).at(shown_)); }

  static std::string ref_name(const Descriptor& descriptor) {
    const auto found = descriptor.annotations.find(std::string(kRefName));
    return found == descriptor.annotations.end() ? std::string() : found->second;
  }

  // A complete reference, when the layout gives one; a bare tag names no repository.
  static std::optional<std::string> name_of(const Descriptor& descriptor) {
    const auto full = descriptor.annotations.find(std::string(kContainerdName));
    const std::string text = full != descriptor.annotations.end() ? full->second : ref_name(descriptor);
    if (text.find_first_of("/:") == std::string::npos) return std::nullopt;
    const auto reference = Reference::parse(text);
    if (!reference) return std::nullopt;
    return reference->str();
  }

  Result<const Descriptor*> choose(const ImageIndex& index, const std::string& tag) const {
    std::vector<const Descriptor*> fitting;
    std::vector<std::string> tags;
    for (const Descriptor& descriptor : index.manifests) {
      const std::string name = ref_name(descriptor);
      if (!name.empty()) tags.push_back("'" + printable(name) + "'");
      const bool matches = tag.empty() || name == tag || name.ends_with(":" + tag);
      if (matches) fitting.push_back(&descriptor);
    }
    if (fitting.size() > 1) {
      std::vector<const Descriptor*> of_platform;
      for (const Descriptor* descriptor : fitting)
        if (platform_ && descriptor->platform && platform_matches(*platform_, *descriptor->platform))
          of_platform.push_back(descriptor);
      if (of_platform.size() == 1) fitting = of_platform;
    }
    if (fitting.size() == 1) return fitting.front();
    const std::string known = tags.empty() ? "no names" : fmt::format("{}", fmt::join(tags, ", "));
    if (!tag.empty() && fitting.empty()) return wrong(fmt::format("it has no image '{}', only {}", tag, known));
    if (fitting.empty()) return wrong("it has no image");
    return wrong(fmt::format("it has several images ({}), name one as oci:{}:TAG", known, shown_));
  }

  Result<std::string> document(const Descriptor& descriptor, std::size_t cap_bytes, const std::string& place) {
    SCANGATE_TRY(const std::unique_ptr<ByteSource> source, blobs_.open(descriptor));
    return import_document(store_, *source, descriptor, cap_bytes, place);
  }

  // Down through indexes to the manifest of our platform.
  Result<Descriptor> resolve(const Descriptor& descriptor, int depth) {
    if (!is_index_type(descriptor.media_type) || !platform_) return descriptor;
    if (depth >= kMaxIndexDepth) return wrong(fmt::format("its indexes are nested more than {} deep", kMaxIndexDepth));
    const std::string place = fmt::format("{}: index {}", shown_, descriptor.digest.str());
    SCANGATE_TRY(const std::string text, document(descriptor, kMaxManifestBytes, place));
    SCANGATE_TRY(const ImageIndex index, parse_index(text, place));
    for (const Descriptor& entry : index.manifests)
      if (entry.platform && platform_matches(*platform_, *entry.platform)) return resolve(entry, depth + 1);
    std::vector<std::string> offered;
    for (const Descriptor& entry : index.manifests)
      offered.push_back(entry.platform ? printable(entry.platform->str()) : "unknown");
    return fail(
        Error(Fault::user, fmt::format("it has no image for {}, only {}", platform_->str(), fmt::join(offered, ", ")))
            .at(place));
  }

  Result<void> import_index(const Descriptor& descriptor) {
    const std::string place = fmt::format("{}: index {}", shown_, descriptor.digest.str());
    SCANGATE_TRY(const std::string text, document(descriptor, kMaxManifestBytes, place));
    SCANGATE_TRY(const ImageIndex index, parse_index(text, place));
    for (const Descriptor& entry : index.manifests)
      SCANGATE_CHECK(import_part(entry));
    return {};
  }

  Result<void> import_part(const Descriptor& entry) {
    if (is_index_type(entry.media_type)) return wrong("it has an index in an index, which is not supported");
    return import_manifest(entry);
  }

  Result<void> import_manifest(const Descriptor& descriptor) {
    const std::string place = fmt::format("{}: manifest {}", shown_, descriptor.digest.str());
    SCANGATE_TRY(const std::string text, document(descriptor, kMaxManifestBytes, place));
    SCANGATE_TRY(const Manifest manifest, parse_manifest(text, place));
    if (!platform_ && is_attestation(manifest)) {
      SCANGATE_CHECK(document(manifest.config, kMaxConfigBytes, place));
      for (const Descriptor& statement : manifest.layers)
        SCANGATE_CHECK(document(statement, kMaxStatementBytes, place));
      return {};
    }
    const std::string config_place = fmt::format("{}: config {}", shown_, manifest.config.digest.str());
    SCANGATE_TRY(const std::string config_text, document(manifest.config, kMaxConfigBytes, config_place));
    SCANGATE_TRY(const ImageConfig config, parse_config(config_text, config_place));
    if (config.diff_ids.size() != manifest.layers.size())
      return fail(Error(Fault::user, fmt::format("it has {} diff_ids, its manifest has {} layers",
                                                 config.diff_ids.size(), manifest.layers.size()))
                      .at(config_place));
    for (std::size_t i = 0; i < manifest.layers.size(); ++i)
      SCANGATE_CHECK(import_one_layer(manifest.layers[i], config.diff_ids[i]));
    return {};
  }

  Result<void> import_one_layer(const Descriptor& layer, const DiffId& diff_id) {
    const std::string place = fmt::format("{}: layer {}", shown_, layer.digest.str());
    SCANGATE_TRY(const std::optional<Descriptor> present, store_.find_layer(diff_id));
    if (present && present->digest == layer.digest) return {};
    if (blobs_.in_store()) return verify_stored_layer(store_, layer, diff_id, place);
    SCANGATE_TRY(const std::unique_ptr<ByteSource> source, blobs_.open(layer));
    WatchedSource watched(*source, "layer " + layer.digest.brief(), layer.size_bytes, cancel_, progress_);
    return import_layer(store_, watched, layer, diff_id, place);
  }

  Store& store_;
  const LayoutBlobs& blobs_;
  std::string shown_;
  std::optional<Platform> platform_;  // absent: every one
  const Cancel& cancel_;
  Progress& progress_;
};

Result<void> check_layout_file(const std::string& text, const std::string& shown) {
  SCANGATE_TRY(const nlohmann::json document, parse_json(text, shown + "/oci-layout"));
  const std::string version = json_string(document, "imageLayoutVersion");
  if (version == "1.0.0") return {};
  return fail(Error(Fault::user, fmt::format("its imageLayoutVersion is '{}', only 1.0.0 is known", printable(version)))
                  .at(shown));
}

}  // namespace

Result<Imported> import_oci_folder(Store& store, const fs::path& folder, const std::string& tag,
                                   const std::optional<Platform>& platform, const Cancel& cancel, Progress& progress) {
  const std::string shown = folder.string();
  SCANGATE_TRY(const UniqueFd root, open_file(folder, O_RDONLY | O_DIRECTORY));
  const auto read_named = [&](const char* name, std::size_t cap_bytes) -> Result<std::string> {
    auto fd = open_in_root(root.get(), name, O_RDONLY);
    if (!fd) return fail(Error(Fault::user, fmt::format("not an OCI image layout: {}", fd.error().cause())).at(shown));
    return read_fd(fd->get(), cap_bytes, shown + "/" + name);
  };
  SCANGATE_TRY(const std::string layout, read_named("oci-layout", kMaxLayoutFile));
  SCANGATE_CHECK(check_layout_file(layout, shown));
  SCANGATE_TRY(const std::string index, read_named("index.json", kMaxManifestBytes));
  const FolderBlobs blobs(root.get(), shown);
  return LayoutImport(store, blobs, shown, platform, cancel, progress).run(index, tag);
}

Result<Imported> import_oci_archive(Store& store, const fs::path& file, const std::string& tag,
                                    const std::optional<Platform>& platform, const Cancel& cancel, Progress& progress) {
  const std::string shown = file.string();
  SCANGATE_TRY(UniqueFd fd, open_file(file, O_RDONLY));
  FdSource raw(std::move(fd), shown);
  WatchedSource watched(raw, shown, 0, cancel, progress);
  const std::unique_ptr<ByteSource> plain = decompressed(watched, shown, kMaxTarBytes);
  SCANGATE_TRY(LayerEntries entries, LayerEntries::open(*plain, shown, cancel));
  class Content final : public ByteSource {
   public:
    explicit Content(LayerEntries& from) : from_(from) {}
    Result<std::size_t> read(std::span<std::byte> buffer) override { return from_.read(buffer); }

   private:
    LayerEntries& from_;
  } content(entries);
  std::optional<std::string> layout;
  std::optional<std::string> index;
  constexpr std::string_view kBlobs = "blobs/sha256/";
  for (std::size_t count = 0;; ++count) {
    SCANGATE_TRY(const Entry* entry, entries.next());
    if (entry == nullptr) break;
    if (count >= kMaxArchiveEntries)
      return fail(
          Error(Fault::user, fmt::format("it has more than the allowed {} entries", kMaxArchiveEntries)).at(shown));
    if (entry->type != EntryType::file) continue;
    if (entry->path == "oci-layout") {
      SCANGATE_TRY(layout, read_all(content, kMaxLayoutFile));
    } else if (entry->path == "index.json") {
      SCANGATE_TRY(index, read_all(content, kMaxManifestBytes));
    } else if (entry->path.starts_with(kBlobs)) {
      // Straight into the store under the digest that its name promises; blobs that nothing names are pruned later.
      const auto digest = Digest::parse("sha256:" + entry->path.substr(kBlobs.size()));
      if (!digest) continue;
      const std::string name = entry->path;
      SCANGATE_TRY(BlobWriter writer, store.new_blob());
      SCANGATE_CHECK(copy_bytes(content, writer));
      if (auto put = writer.commit_expecting(*digest, std::nullopt); !put)
        return put.error().fault() == Fault::remote ? fail(Error(Fault::user, put.error().cause()).at(shown))
                                                    : fail(std::move(put).error());
    }
  }
  if (!layout || !index)
    return fail(
        Error(Fault::user, fmt::format("not an OCI archive: it has no {}", layout ? "index.json" : "oci-layout"))
            .at(shown));
  SCANGATE_CHECK(check_layout_file(*layout, shown));
  const StoreBlobs blobs(store, shown);
  return LayoutImport(store, blobs, shown, platform, cancel, progress).run(*index, tag);
}

}  // namespace scangate
