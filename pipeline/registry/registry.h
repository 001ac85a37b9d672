#pragma once
// Pull and push. OCI distribution-spec v1.1; Docker token authentication (distribution docs, "spec/auth/token").
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/http/http.h"
#include "base/process.h"
#include "base/progress.h"
#include "pipeline/image/reference.h"
#include "pipeline/image/store.h"

namespace scangate {

struct Credentials {
  std::string username;
  std::string password;
  std::string identity_token;  // OAuth2 refresh token instead of a password
};

// Where credentials come from. Thread-safe.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  // For a registry host ("docker.io", "127.0.0.1:5000") and repository; nullopt is anonymous.
  virtual Result<std::optional<Credentials>> find(const std::string& registry, const std::string& repository) = 0;
};

// docker's config.json text: auths (longest matching path first), credHelpers, credsStore. `place` is for errors.
Result<std::unique_ptr<CredentialSource>> docker_config_credentials(std::string_view json, std::string place,
                                                                    ProcessRunner& runner);
// A fixed table: host -> credentials. For logins of a job and tests.
std::unique_ptr<CredentialSource> fixed_credentials(std::map<std::string, Credentials> by_registry);
// The first that knows the registry.
std::unique_ptr<CredentialSource> chained_credentials(std::vector<std::shared_ptr<CredentialSource>> sources);

struct RegistryHostSettings {
  bool plain_http = false;  // loopback hosts may always be plain
  bool verify_certificates = true;
  std::filesystem::path ca_file;     // added to the system's
  std::vector<std::string> mirrors;  // "127.0.0.1:5000" or "127.0.0.1:5000/prefix"; tried first, for pulls only
};

struct RegistrySettings {
  std::map<std::string, RegistryHostSettings> hosts;  // by registry host
  int parallel_blobs = 6;  // as buildah and skopeo do; small blobs are a wait for the registry's disk
  int attempts = 4;  // on 408, 429, 5xx and broken connections, with backoff and Retry-After
  std::chrono::milliseconds first_retry_delay{500};  // doubles with every attempt
};

// A manifest or index as the registry has it.
struct RemoteDocument {
  std::string media_type;
  Digest digest;
  std::string text;
};

enum class PullPolicy { if_not_present, always };

struct PulledImage {
  Digest manifest_digest;  // of the platform's manifest
  bool was_present = false;
};

struct PushedImage {
  Digest manifest_digest;
  std::uint64_t sent_bytes = 0;
  std::size_t sent_blobs = 0;
  std::size_t known_blobs = 0;  // skipped by HEAD or mounted
};

// Talks to registries. Thread-safe. Errors: Fault::remote with the URL (redacted), what the registry answered, and the
// remedy; Fault::user for a reference that does not exist ("manifest unknown") or refused credentials.
class Registry {
 public:
  Registry(RegistrySettings settings, std::shared_ptr<CredentialSource> credentials,
           std::shared_ptr<HttpTransport> transport);
  ~Registry();

  // Another client with the same settings, connections and knowledge of which repository holds which blob, but its own
  // credentials: no token got with one's is ever used for the other.
  std::unique_ptr<Registry> with(std::shared_ptr<CredentialSource> credentials) const;

  // Pulls manifest, config and layers into the store and tags it with `name`. Every digest and size is verified while
  // streaming; a broken pull leaves only whole blobs. Layers are recorded (record_layer) after their diffID was
  // verified on the way.
  Result<PulledImage> pull(const Reference& name, const Platform& platform, PullPolicy policy, Store& store,
                           const Cancel& cancel, Progress& progress);

  // The same with every platform of an index, attestations included; the digest is the index's, which the name then
  // leads to. Always asks the registry. Errors also: an index in an index.
  Result<PulledImage> pull_all(const Reference& name, Store& store, const Cancel& cancel, Progress& progress);

  // Uploads what the registry lacks, blobs in parallel, manifest last; of an index each of its manifests by digest,
  // then the index. The caller has the gate's consent for all of them: nothing here asks for it.
  Result<PushedImage> push(const Store& store, const Digest& manifest_digest, const Reference& to, const Cancel& cancel,
                           Progress& progress);

  // The digest behind a name (HEAD), nullopt when it does not exist.
  Result<std::optional<Digest>> resolve(const Reference& name, const Cancel& cancel);
  // The document behind a name, digest verified when the name has one; nullopt when it does not exist. Nothing is
  // stored.
  Result<std::optional<RemoteDocument>> document(const Reference& name, const Cancel& cancel);
  // A small blob, a config: verified. Errors: Fault::remote when it is larger than `cap_bytes`.
  Result<std::string> blob_text(const Reference& repository, const Digest& digest, std::size_t cap_bytes,
                                const Cancel& cancel);
  // A blob of any size into the store, from the repository or a mirror of it; verified. What it is, is not looked at.
  Result<void> fetch_blob(const Reference& repository, const Descriptor& blob, Store& store, const Cancel& cancel,
                          Progress& progress);
  Result<std::vector<std::string>> tags(const Reference& repository, const Cancel& cancel);
  // `docker login`: whether the registry takes these credentials.
  Result<void> check_login(const std::string& registry, const Credentials& credentials, const Cancel& cancel);

 private:
  struct State;
  explicit Registry(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace scangate
