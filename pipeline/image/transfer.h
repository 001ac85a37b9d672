#pragma once
// Images in and out of the store by file: rootfs tar, docker-archive, OCI layout folder and archive.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "pipeline/image/store.h"
#include "scan/model/image.h"

namespace scangate {

struct Imported {
  Digest manifest_digest;
  std::vector<std::string> names;  // that the archive itself gives, complete references
};

// `source`: "rootfs.tar[.gz|.zst]" (a root file system), "docker-archive:FILE" (docker save), "oci:DIR[:TAG]" (OCI
// image layout), "oci-archive:FILE". All digests verified. Index: the entry of `platform`. Does not tag.
Result<Imported> import_image(Store& store, std::string_view source, const Platform& platform, const Cancel& cancel,
                              Progress& progress);

// The same with every platform: an index is imported whole, also a layout of several images without an index of its
// own. What is no index is imported as import_image() does. Errors also: an index in an index.
Result<Imported> import_all(Store& store, std::string_view source, const Cancel& cancel, Progress& progress);

// An index is exported whole; a docker-archive gets the one for this host. `target`: "docker-archive:FILE",
// "oci:DIR[:TAG]" (added to an existing layout), "oci-archive:FILE". `name` goes into the archive.
Result<void> export_image(const Store& store, const Digest& manifest_digest, const std::string& name,
                          std::string_view target, const Cancel& cancel, Progress& progress);

struct NamedImage {
  Digest manifest_digest;
  std::string name;  // complete reference; empty: none
};

// `docker save` of several images and `docker load` of all that an archive has. Layers that images share are written
// once.
Result<void> save_images(const Store& store, const std::vector<NamedImage>& images, const std::filesystem::path& file,
                         const Cancel& cancel, Progress& progress);
Result<std::vector<Imported>> load_images(Store& store, const std::filesystem::path& file, const Cancel& cancel,
                                          Progress& progress);

// What the scan wants to know, from the stored config and manifest. Places and base border are the builder's to add.
Result<ImageFacts> image_facts(const Store& store, const Digest& manifest_digest, const std::string& name);

}  // namespace scangate
