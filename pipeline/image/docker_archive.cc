#include "pipeline/image/docker_archive.h"

#include <fcntl.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/archive/decompress.h"
#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/image/archive_file.h"
#include "pipeline/image/blob_import.h"
#include "pipeline/image/layer.h"
#include "pipeline/image/layer_entries.h"
#include "pipeline/image/layer_paths.h"
#include "pipeline/image/model_json.h"

namespace scangate {
namespace fs = std::filesystem;

namespace {

// Files of one archive: each layer comes as up to four, and a save may hold many images.
constexpr std::size_t kMaxArchiveEntries = 20'000;
constexpr std::size_t kMaxArchiveImages = 1000;

struct ArchiveImage {
  std::string config;               // path in the archive
  std::vector<std::string> names;   // RepoTags
  std::vector<std::string> layers;  // paths in the archive, lowest first
};

class EntryContent final : public ByteSource {
 public:
  explicit EntryContent(LayerEntries& from) : from_(from) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override { return from_.read(buffer); }

 private:
  LayerEntries& from_;
};

class ArchiveImport {
 public:
  ArchiveImport(Store& store, const fs::path& file, const Cancel& cancel, Progress& progress)
      : store_(store), file_(file), shown_(file.string()), cancel_(cancel), progress_(progress) {}

  Result<Imported> run(const std::string& wanted) {
    SCANGATE_CHECK(read_manifest());
    if (!manifest_) return wrong("not an archive of 'docker save': it has no manifest.json");
    SCANGATE_TRY(const std::vector<ArchiveImage> images, parse_images(*manifest_));
    SCANGATE_TRY(const ArchiveImage* image, choose(images, wanted));
    SCANGATE_CHECK(read_blobs(*image));
    return finish(*image);
  }

  Result<std::vector<Imported>> run_all() {
    SCANGATE_CHECK(read_manifest());
    if (!manifest_) return wrong("not an archive of 'docker save': it has no manifest.json");
    SCANGATE_TRY(const std::vector<ArchiveImage> images, parse_images(*manifest_));
    std::vector<Imported> out;
    for (const ArchiveImage& image : images) {
      config_.reset();
      SCANGATE_CHECK(read_blobs(image));
      SCANGATE_TRY(Imported imported, finish(image));
      out.push_back(std::move(imported));
    }
    return out;
  }

 private:
  using OnEntry = std::function<Result<void>(const Entry&, ByteSource&)>;

  tl::unexpected<Error> wrong(std::string cause) const { return fail(Error(Fault::user, std::move(cause)).at(shown_)); }

  // The archive may have its parts in any order, so it is read once for the manifest and once for what that names.
  Result<void> for_each(const OnEntry& on_entry) {
    SCANGATE_TRY(UniqueFd fd, open_file(file_, O_RDONLY));
    FdSource raw(std::move(fd), shown_);
    WatchedSource watched(raw, shown_, 0, cancel_, progress_);
    const std::unique_ptr<ByteSource> plain = decompressed(watched, shown_, kMaxTarBytes, Allowed::archives);
    SCANGATE_TRY(LayerEntries entries, LayerEntries::open(*plain, shown_, cancel_));
    EntryContent content(entries);
    for (std::size_t count = 0;; ++count) {
      SCANGATE_TRY(const Entry* entry, entries.next());
      if (entry == nullptr) return {};
      if (count >= kMaxArchiveEntries)
        return wrong(fmt::format("it has more than the allowed {} entries", kMaxArchiveEntries));
      SCANGATE_CHECK(on_entry(*entry, content));
    }
  }

  Result<void> read_manifest() {
    return for_each([&](const Entry& entry, ByteSource& content) -> Result<void> {
      if (entry.type == EntryType::symlink || entry.type == EntryType::hardlink) {
        // Old versions of docker save a layer once and link it from the images that share it.
        const std::size_t slash = entry.path.rfind('/');
        const std::string folder = slash == std::string::npos ? "" : entry.path.substr(0, slash + 1);
        const auto target =
            clean_layer_path(entry.type == EntryType::symlink ? folder + entry.link_target : entry.link_target);
        if (target) links_[entry.path] = *target;
      } else if (entry.type == EntryType::file && entry.path == "manifest.json") {
        SCANGATE_TRY(manifest_, read_all(content, kMaxManifestBytes));
      }
      return {};
    });
  }

  Result<std::vector<ArchiveImage>> parse_images(const std::string& text) const {
    const std::string place = shown_ + ": manifest.json";
    SCANGATE_TRY(const nlohmann::json document, parse_json(text, place));
    if (!document.is_array() || document.empty() || document.size() > kMaxArchiveImages)
      return fail(
          Error(Fault::user, fmt::format("it must be an array of 1 to {} images", kMaxArchiveImages)).at(place));
    std::vector<ArchiveImage> out;
    for (std::size_t i = 0; i < document.size(); ++i) {
      if (!document[i].is_object()) return JsonMembers(document, place, "").wrong(fmt::format("[{}]", i), "an object");
      const JsonMembers from(document[i], place, fmt::format("[{}].", i));
      ArchiveImage image;
      SCANGATE_TRY(image.config, from.text("Config"));
      SCANGATE_TRY(image.names, from.texts("RepoTags"));
      SCANGATE_TRY(image.layers, from.texts("Layers"));
      if (image.layers.size() > kMaxLayers) return from.wrong("Layers", fmt::format("at most {} paths", kMaxLayers));
      SCANGATE_TRY(image.config, resolve(image.config));
      for (std::string& layer : image.layers) {
        SCANGATE_TRY(layer, resolve(layer));
      }
      out.push_back(std::move(image));
    }
    return out;
  }

  // The path of the file that holds it, links followed.
  Result<std::string> resolve(const std::string& raw) const {
    auto path = clean_layer_path(raw);
    if (!path || path->empty())
      return wrong(fmt::format("manifest.json names '{}', which is no file of it", printable(raw)));
    constexpr int kMaxLinks = 8;
    for (int i = 0; i < kMaxLinks; ++i) {
      const auto link = links_.find(*path);
      if (link == links_.end()) return *path;
      path = link->second;
    }
    return wrong(fmt::format("'{}' is a link to itself", printable(raw)));
  }

  Result<const ArchiveImage*> choose(const std::vector<ArchiveImage>& images, const std::string& wanted) const {
    if (wanted.empty() && images.size() == 1) return &images.front();
    std::vector<std::string> known;
    for (const ArchiveImage& image : images) {
      for (const std::string& name : image.names) {
        known.push_back("'" + printable(name) + "'");
        const auto have = Reference::parse(name);
        const auto want = Reference::parse(wanted);
        if (!wanted.empty() && have && want && *have == *want) return &image;
      }
    }
    const std::string list = known.empty() ? "no names" : fmt::format("{}", fmt::join(known, ", "));
    if (!wanted.empty()) return wrong(fmt::format("it has no image '{}', only {}", wanted, list));
    return wrong(fmt::format("it has several images ({}), name one as docker-archive:{}:NAME", list, shown_));
  }

  Result<void> read_blobs(const ArchiveImage& image) {
    const std::set<std::string> layers(image.layers.begin(), image.layers.end());
    return for_each([&](const Entry& entry, ByteSource& content) -> Result<void> {
      if (entry.type != EntryType::file) return {};
      if (entry.path == image.config) {
        SCANGATE_TRY(config_, read_all(content, kMaxConfigBytes));
      } else if (layers.contains(entry.path) && !layers_.contains(entry.path)) {
        const std::string path = entry.path;
        SCANGATE_TRY(auto layer, import_unknown_layer(store_, content, fmt::format("{}: {}", shown_, printable(path))));
        layers_.emplace(path, std::move(layer));
      }
      return {};
    });
  }

  Result<Imported> finish(const ArchiveImage& image) {
    if (!config_) return wrong(fmt::format("the config '{}' is missing", printable(image.config)));
    SCANGATE_TRY(const ImageConfig config,
                 parse_config(*config_, fmt::format("{}: {}", shown_, printable(image.config))));
    if (config.diff_ids.size() != image.layers.size())
      return wrong(fmt::format("its config has {} diff_ids, its manifest has {} layers", config.diff_ids.size(),
                               image.layers.size()));
    Manifest manifest{.media_type = std::string(media_type::kOciManifest)};
    for (std::size_t i = 0; i < image.layers.size(); ++i) {
      const auto found = layers_.find(image.layers[i]);
      if (found == layers_.end()) return wrong(fmt::format("the layer '{}' is missing", printable(image.layers[i])));
      const auto& [diff_id, blob] = found->second;
      if (diff_id != config.diff_ids[i])
        return wrong(fmt::format("the diffID of '{}' is {}, the image's config says {}", printable(image.layers[i]),
                                 diff_id.digest.str(), config.diff_ids[i].digest.str()));
      manifest.layers.push_back(blob);
    }
    // The config's exact bytes: their digest is the image's id.
    manifest.config.media_type = media_type::kOciConfig;
    manifest.config.size_bytes = config_->size();
    SCANGATE_TRY(manifest.config.digest, store_.put_blob(*config_));
    Imported out;
    SCANGATE_TRY(out.manifest_digest, store_.put_blob(to_json(manifest)));
    for (const std::string& name : image.names)
      if (const auto reference = Reference::parse(name)) out.names.push_back(reference->str());
    return out;
  }

  Store& store_;
  const fs::path& file_;
  std::string shown_;
  const Cancel& cancel_;
  Progress& progress_;
  std::map<std::string, std::string> links_;
  std::optional<std::string> manifest_;
  std::optional<std::string> config_;
  std::map<std::string, std::pair<DiffId, Descriptor>> layers_;
};

}  // namespace

Result<Imported> import_docker_archive(Store& store, const fs::path& file, const std::string& wanted,
                                       const Cancel& cancel, Progress& progress) {
  return ArchiveImport(store, file, cancel, progress).run(wanted);
}

Result<std::vector<Imported>> load_images(Store& store, const fs::path& file, const Cancel& cancel,
                                          Progress& progress) {
  return ArchiveImport(store, file, cancel, progress).run_all();
}

Result<void> export_docker_archive(const Store& store, const Digest& manifest_digest, const std::string& name,
                                   const fs::path& file, const Cancel& cancel, Progress& progress) {
  return save_images(store, {{.manifest_digest = manifest_digest, .name = name}}, file, cancel, progress);
}

Result<void> save_images(const Store& store, const std::vector<NamedImage>& images, const fs::path& file,
                         const Cancel& cancel, Progress& progress) {
  SCANGATE_TRY(ArchiveFile archive, ArchiveFile::create(file));
  nlohmann::ordered_json document = nlohmann::ordered_json::array();
  std::set<DiffId> written;
  std::set<Digest> configs;
  for (const NamedImage& image : images) {
    SCANGATE_TRY(const Manifest manifest, store.manifest(image.manifest_digest));
    SCANGATE_TRY(const ImageConfig config, store.config(manifest));
    SCANGATE_TRY(const std::string config_text, store.read_blob(manifest.config.digest, kMaxConfigBytes));
    nlohmann::ordered_json layers = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
      const Descriptor& layer = manifest.layers[i];
      const std::string path = config.diff_ids[i].digest.hex() + ".tar";
      layers.push_back(path);
      if (!written.insert(config.diff_ids[i]).second) continue;
      SCANGATE_TRY(UniqueFd fd, store.open_blob(layer.digest));
      const std::string place = "layer " + layer.digest.str();
      FdSource raw(std::move(fd), place);
      WatchedSource watched(raw, "layer " + layer.digest.brief(), layer.size_bytes, cancel, progress);
      const std::unique_ptr<ByteSource> plain = decompressed(watched, place, kMaxTarBytes);
      SCANGATE_CHECK(archive.add_of_unknown_size(path, *plain));
    }
    const std::string config_path = manifest.config.digest.hex() + ".json";
    if (configs.insert(manifest.config.digest).second) SCANGATE_CHECK(archive.add_text(config_path, config_text));
    nlohmann::ordered_json names = nlohmann::ordered_json::array();
    if (const auto reference = Reference::parse(image.name); reference && !reference->tag.empty()) {
      Reference tagged = *reference;
      tagged.digest.reset();
      names.push_back(tagged.familiar());
    }
    document.push_back({{"Config", config_path}, {"RepoTags", names}, {"Layers", layers}});
  }
  SCANGATE_CHECK(archive.add_text("manifest.json", dump_json(document)));
  return archive.finish();
}

}  // namespace scangate
