#pragma once
// One host that is spoken to for a repository: the registry itself, or a mirror of it.
#include <string>

#include "pipeline/registry/registry.h"
#include "pipeline/registry/url.h"

namespace scangate {

struct Endpoint {
  std::string registry;    // as credentials and settings name it: "docker.io"
  std::string repository;  // there: a mirror may have a prefix
  Url base;                // "https://registry-1.docker.io/"
  RegistryHostSettings settings;
  bool is_mirror = false;

  std::string url(const std::string& path) const { return base.scheme + "://" + base.host + "/v2/" + path; }
  std::string manifest_url(const std::string& reference) const { return url(repository + "/manifests/" + reference); }
  std::string blob_url(const Digest& digest) const { return url(repository + "/blobs/" + digest.str()); }
};

// `host` may have a path, which becomes the prefix of the repository there.
Endpoint make_endpoint(const RegistrySettings& settings, const std::string& host, const std::string& repository);
// The mirrors of the reference's registry in order, then the registry itself.
std::vector<Endpoint> pull_endpoints(const RegistrySettings& settings, const Reference& name);

}  // namespace scangate
