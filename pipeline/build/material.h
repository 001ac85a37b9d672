#pragma once
// What a build took from elsewhere, as provenance names it: package URLs of images, addresses of files and
// repositories. https://slsa.dev/spec/v0.2/provenance, "materials"; https://github.com/package-url/purl-spec, type
// "docker".
#include <compare>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/git_source/git_url.h"
#include "pipeline/image/model.h"
#include "pipeline/image/reference.h"

namespace scangate {

struct BuildMaterial {
  std::string uri;        // "pkg:docker/debian@bookworm?platform=linux%2Famd64"; without credentials
  std::string algorithm;  // "sha256", "sha1" of commits; empty: what it was is not known
  std::string digest;     // lower-case hex
  auto operator<=>(const BuildMaterial&) const = default;
};

// "pkg:docker/debian@bookworm?platform=linux%2Famd64"; of another registry than Docker Hub with its name before the
// repository's. A digest in `name` becomes the qualifier "digest".
std::string image_purl(const Reference& name, const Platform& platform);

BuildMaterial image_material(const Reference& name, const Platform& platform, const Digest& manifest_digest);
BuildMaterial file_material(std::string_view url, const Digest& digest);
BuildMaterial git_material(const GitUrl& url, std::string_view commit);

// Collected while stages are built. Thread-safe.
class BuildMaterials {
 public:
  void add(BuildMaterial material);
  std::vector<BuildMaterial> all() const;  // each once, sorted

 private:
  mutable std::mutex mutex_;
  std::set<BuildMaterial> all_;
};

}  // namespace scangate
