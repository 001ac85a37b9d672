#include "pipeline/registry/pull.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "pipeline/image/image_index.h"
#include "pipeline/image/layer.h"
#include "pipeline/registry/blob_pull.h"
#include "pipeline/registry/parallel.h"
#include "pipeline/registry/reply_error.h"

namespace scangate {
namespace {

// All kinds we understand; a registry converts, or answers with one of them. Distribution-spec, "Pulling manifests".
const std::string& accepted_types() {
  static const std::string types = fmt::format("{}, {}, {}, {}", media_type::kOciManifest, media_type::kOciIndex,
                                               media_type::kDockerManifest, media_type::kDockerList);
  return types;
}

// What the next endpoint may know better. Distribution: mirrors need not have everything.
bool may_fall_back(int status) {
  return status == 404 || status == 429 || status >= 500;
}

std::string reference_part(const Reference& name) {
  return name.digest ? name.digest->str() : name.tag;
}

struct Document {
  Digest digest;
  std::string text;
};

class Pull {
 public:
  Pull(const RegistryClient& client, const Reference& name, Platform platform, Store& store, BlobSources& sources,
       const Cancel& cancel, Progress& progress)
      : client_(client),
        name_(name),
        platform_(std::move(platform)),
        store_(store),
        sources_(sources),
        cancel_(cancel),
        progress_(progress),
        endpoints_(pull_endpoints(client.settings(), name)) {}

  Result<PulledImage> run(PullPolicy policy) {
    SCANGATE_TRY(const Store::Lease lease, store_.lease());
    if (policy == PullPolicy::if_not_present || name_.digest) {
      SCANGATE_TRY(const auto present, find_present());
      if (present) return PulledImage{.manifest_digest = *present, .was_present = true};
    }
    progress_.line(Level::info, fmt::format("pulling {}", name_.familiar()));
    SCANGATE_TRY(Document document, manifest_document(reference_part(name_), name_.digest));
    if (is_index_type(document_media_type(document.text))) {
      SCANGATE_TRY(const Digest chosen, choose(document));
      SCANGATE_TRY(document, manifest_document(chosen.str(), chosen));
    }
    SCANGATE_TRY(const Manifest manifest, parse_manifest(document.text, name_.str()));
    SCANGATE_TRY(const bool complete, is_complete(manifest));
    if (!complete) SCANGATE_CHECK(pull_blobs(manifest));
    SCANGATE_CHECK(store_.tag(name_, document.digest));
    return PulledImage{.manifest_digest = document.digest, .was_present = complete};
  }

  Result<void> run_blob(const Descriptor& blob) {
    SCANGATE_TRY(const Store::Lease lease, store_.lease());
    return pull_blob(blob, nullptr);
  }

  // Everything behind the name, all platforms of an index.
  Result<PulledImage> run_all() {
    SCANGATE_TRY(const Store::Lease lease, store_.lease());
    progress_.line(Level::info, fmt::format("pulling {}", name_.familiar()));
    SCANGATE_TRY(const Document named, manifest_document(reference_part(name_), name_.digest));
    PulledImage out{.manifest_digest = named.digest, .was_present = true};
    if (is_index_type(document_media_type(named.text))) {
      SCANGATE_TRY(const ImageIndex index, parse_index(named.text, name_.str()));
      std::set<Digest> seen;
      for (const auto& entry : index.manifests) {
        if (!seen.insert(entry.digest).second) continue;
        if (is_index_type(entry.media_type))
          return fail(Error(Fault::user, "it has an index in an index, which is not supported").at(name_.familiar()));
        SCANGATE_TRY(const Document part, manifest_document(entry.digest.str(), entry.digest));
        SCANGATE_CHECK(pull_part(part, out.was_present));
      }
    } else {
      SCANGATE_CHECK(pull_part(named, out.was_present));
    }
    SCANGATE_CHECK(store_.tag(name_, named.digest));
    return out;
  }

 private:
  Result<void> pull_part(const Document& document, bool& was_present) {
    SCANGATE_TRY(const Manifest manifest, parse_manifest(document.text, name_.str()));
    if (is_attestation(manifest)) {
      // No layers in it: its blobs have no diffID, and its config need not be an image's.
      std::vector<Descriptor> blobs = manifest.layers;
      blobs.push_back(manifest.config);
      for (const auto& blob : blobs) {
        if (store_.has_blob(blob.digest)) continue;
        was_present = false;
        if (blob.size_bytes > kMaxStatementBytes)
          return fail(Fault::remote, fmt::format("a statement has {}, more than {}", human_bytes(blob.size_bytes),
                                                 human_bytes(kMaxStatementBytes)));
        SCANGATE_CHECK(pull_blob(blob, nullptr));
      }
      return {};
    }
    SCANGATE_TRY(const bool complete, is_complete(manifest));
    if (complete) return {};
    was_present = false;
    return pull_blobs(manifest);
  }

  // The stored manifest behind our name for our platform, when all of its parts are there.
  Result<std::optional<Digest>> find_present() {
    SCANGATE_TRY(auto digest, store_.find(name_));
    if (!digest && name_.digest) digest = name_.digest;
    if (!digest || !store_.has_blob(*digest)) return std::optional<Digest>();
    SCANGATE_TRY(std::string text, store_.read_blob(*digest, kMaxManifestBytes));
    if (is_index_type(document_media_type(text))) {
      SCANGATE_TRY(digest, choose({*digest, text}));
      if (!store_.has_blob(*digest)) return std::optional<Digest>();
      SCANGATE_TRY(text, store_.read_blob(*digest, kMaxManifestBytes));
    }
    SCANGATE_TRY(const Manifest manifest, parse_manifest(text, name_.str()));
    SCANGATE_TRY(const bool complete, is_complete(manifest));
    if (!complete) return std::optional<Digest>();
    SCANGATE_TRY(const ImageConfig config, store_.config(manifest));
    const bool fits = config.platform.os == platform_.os && config.platform.architecture == platform_.architecture;
    if (!fits && !name_.digest) return std::optional<Digest>();
    SCANGATE_TRY(const auto named, store_.find(name_));
    if (!named) SCANGATE_CHECK(store_.tag(name_, *digest));
    return digest;
  }

  Result<bool> is_complete(const Manifest& manifest) {
    if (!store_.has_blob(manifest.config.digest)) return false;
    SCANGATE_TRY(const ImageConfig config, store_.config(manifest));
    if (config.diff_ids.size() != manifest.layers.size()) return false;
    for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
      SCANGATE_TRY(const bool held, store_.holds_layer(config.diff_ids[i], manifest.layers[i].digest));
      if (!held) return false;
    }
    return true;
  }

  // The index's entry for our platform. Image-spec, image-index.md: the first that fits.
  Result<Digest> choose(const Document& document) const {
    SCANGATE_TRY(const ImageIndex index, parse_index(document.text, name_.str()));
    const Descriptor* best = nullptr;
    std::string offered;
    for (const auto& entry : index.manifests) {
      if (!entry.platform || entry.platform->os == "unknown") continue;  // attestations
      if (entry.platform->os == platform_.os && entry.platform->architecture == platform_.architecture) {
        if (entry.platform->variant == platform_.variant) return entry.digest;
        if (best == nullptr && (platform_.variant.empty() || entry.platform->variant.empty())) best = &entry;
      }
      if (offered.size() < 300) offered += (offered.empty() ? "" : ", ") + printable(entry.platform->str());
    }
    if (best != nullptr) return best->digest;
    if (index.manifests.size() == 1 && !index.manifests[0].platform) return index.manifests[0].digest;
    return fail(Error(Fault::user, fmt::format("there is no image for {}; it has {}", platform_.str(),
                                               offered.empty() ? "none with a platform" : offered))
                    .at(name_.familiar())
                    .remedy("choose another --platform"));
  }

  // A manifest or an index, from the store if it is known, else from the first endpoint that has it.
  Result<Document> manifest_document(const std::string& reference, const std::optional<Digest>& expected) {
    if (expected && store_.has_blob(*expected)) {
      SCANGATE_TRY(std::string text, store_.read_blob(*expected, kMaxManifestBytes));
      return Document{*expected, std::move(text)};
    }
    return from_endpoints<Document>(
        [&](const Endpoint& endpoint) { return manifest_from(endpoint, reference, expected); });
  }

  struct Outcome {
    bool fall_back = false;  // for an Error: whether another endpoint may know better
  };

  template <class T, class Try>
  Result<T> from_endpoints(const Try& attempt) {
    for (std::size_t i = 0;; ++i) {
      bool fall_back = false;
      Result<T> got = attempt_with(attempt, endpoints_[i], fall_back);
      if (got || i + 1 == endpoints_.size() || !fall_back || cancel_.cancelled()) return got;
      progress_.line(Level::info, fmt::format("{}; trying {}", got.error().text(), endpoints_[i + 1].registry));
    }
  }
  template <class Try>
  static auto attempt_with(const Try& attempt, const Endpoint& endpoint, bool& fall_back) {
    auto [got, next] = attempt(endpoint);
    fall_back = next;
    return std::move(got);
  }

  using ManifestTry = std::pair<Result<Document>, bool>;
  ManifestTry manifest_from(const Endpoint& endpoint, const std::string& reference,
                            const std::optional<Digest>& expected) {
    HttpRequest request;
    request.url = endpoint.manifest_url(reference);
    request.headers = {{"Accept", accepted_types()}};
    request.follow_redirects = true;
    if (!expected) {
      // HEAD first: Docker Hub counts only GET against its pull limit.
      request.method = "HEAD";
      const auto head = client_.call(endpoint, {}, request, cancel_);
      if (!head) return {fail(head.error()), head.error().fault() == Fault::remote};
      if (head->head.status == 200) {
        const auto digest = Digest::parse(head->head.header("docker-content-digest"));
        if (digest && store_.has_blob(*digest)) {
          auto text = store_.read_blob(*digest, kMaxManifestBytes);
          if (text) return {Document{*digest, std::move(*text)}, false};
        }
      } else if (head->head.status != 405) {
        // A HEAD has no body to tell why: the GET below will. Only "not there" is clear.
        if (head->head.status == 404 && endpoint.is_mirror)
          return {fail(reply_error(endpoint, head->head, "", "pulling " + name_.familiar())), true};
      }
      request.method = "GET";
    }
    request.max_reply_bytes = kMaxManifestBytes;
    auto answer = client_.call(endpoint, {}, request, cancel_);
    if (!answer) return {fail(std::move(answer).error()), answer.error().fault() == Fault::remote};
    if (answer->head.status != 200)
      return {fail(reply_error(endpoint, answer->head, answer->body, "pulling " + name_.familiar())),
              may_fall_back(answer->head.status)};
    return {keep_manifest(answer->head, std::move(answer->body), expected), true};
  }

  Result<Document> keep_manifest(const HttpReply& head, std::string text, const std::optional<Digest>& expected) {
    const Digest digest = Digest::of(text);
    std::string announced = expected ? expected->str() : head.header("docker-content-digest");
    if (!announced.starts_with("sha256:")) announced.clear();  // another algorithm cannot be compared
    if (!announced.empty() && announced != digest.str())
      return fail(Error(Fault::remote, fmt::format("the manifest's digest is {}, {} was {}", digest.str(), announced,
                                                   expected ? "asked for" : "announced"))
                      .at(redact(head.url)));
    SCANGATE_TRY(const Digest stored, store_.put_blob(text));
    return Document{stored, std::move(text)};
  }

  Result<void> pull_blobs(const Manifest& manifest) {
    if (!store_.has_blob(manifest.config.digest)) {
      SCANGATE_CHECK(check_config_size(manifest.config));
      SCANGATE_CHECK(pull_blob(manifest.config, nullptr));
    }
    SCANGATE_TRY(const ImageConfig config, store_.config(manifest));
    if (config.diff_ids.size() != manifest.layers.size())
      return fail(Error(Fault::remote, fmt::format("the image has {} layers, its config has {} diffIDs",
                                                   manifest.layers.size(), config.diff_ids.size()))
                      .at(name_.familiar()));
    std::vector<std::size_t> order;
    std::set<Digest> seen;  // the same (empty) layer often stands there several times
    for (std::size_t i = 0; i < manifest.layers.size(); ++i)
      if (seen.insert(manifest.layers[i].digest).second) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return manifest.layers[a].size_bytes > manifest.layers[b].size_bytes;
    });
    std::vector<std::function<Result<void>()>> jobs;
    for (const std::size_t i : order)
      jobs.emplace_back([&, i] { return pull_layer(manifest.layers[i], config.diff_ids[i]); });
    SCANGATE_CHECK(run_parallel(std::move(jobs), client_.settings().parallel_blobs, stop_));
    // Layers that stand there twice with different diffIDs would have slipped through.
    for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
      SCANGATE_TRY(const bool held, store_.holds_layer(config.diff_ids[i], manifest.layers[i].digest));
      if (!held)
        return fail(Error(Fault::remote, fmt::format("layer {} does not have the diffID {}",
                                                     manifest.layers[i].digest.str(), config.diff_ids[i].digest.str()))
                        .at(name_.familiar()));
    }
    return {};
  }

  static Result<void> check_config_size(const Descriptor& config) {
    if (config.size_bytes > kMaxConfigBytes)
      return fail(Fault::remote, fmt::format("the image's config has {}, more than {}", human_bytes(config.size_bytes),
                                             human_bytes(kMaxConfigBytes)));
    return {};
  }

  Result<void> pull_layer(const Descriptor& blob, const DiffId& diff_id) {
    if (store_.has_blob(blob.digest)) {
      SCANGATE_TRY(const bool held, store_.holds_layer(diff_id, blob.digest));
      if (held) return {};
      SCANGATE_TRY(const DiffId found, stored_diff_id(store_, blob));
      SCANGATE_CHECK(check_diff_id(blob, found, diff_id));
      return store_.record_layer(diff_id, blob);
    }
    SCANGATE_CHECK(pull_blob(blob, &diff_id));
    return store_.record_layer(diff_id, blob);
  }

  static Result<void> check_diff_id(const Descriptor& blob, const DiffId& found, const DiffId& expected) {
    if (found == expected) return {};
    return fail(Error(Fault::remote, fmt::format("its diffID is {}, the image's config says {}", found.digest.str(),
                                                 expected.digest.str()))
                    .at("layer " + blob.digest.str()));
  }

  Result<void> pull_blob(const Descriptor& blob, const DiffId* diff_id) {
    return from_endpoints<void>([&](const Endpoint& endpoint) { return blob_from(endpoint, blob, diff_id); });
  }

  using BlobTry = std::pair<Result<void>, bool>;
  BlobTry blob_from(const Endpoint& endpoint, const Descriptor& blob, const DiffId* diff_id) {
    Backoff backoff(client_.settings(), endpoint.is_mirror ? 1 : client_.settings().attempts);
    for (;;) {
      std::string retry_after;
      bool fall_back = true;
      Result<void> got = blob_once(endpoint, blob, diff_id, retry_after, fall_back);
      if (got || !got.error().is_worth_retrying() || stop_) return {std::move(got), fall_back};
      const auto go_on = backoff.wait(retry_after, cancel_);
      if (!go_on) return {fail(go_on.error()), false};
      if (!*go_on) return {std::move(got), fall_back};
    }
  }

  Result<void> blob_once(const Endpoint& endpoint, const Descriptor& blob, const DiffId* diff_id,
                         std::string& retry_after, bool& fall_back) {
    const std::string item = (diff_id != nullptr ? "layer " : "blob ") + blob.digest.brief();
    SCANGATE_TRY(BlobWriter writer, store_.new_blob());
    std::optional<DiffIdSink> layer;
    if (diff_id != nullptr) layer.emplace("layer " + blob.digest.str());
    BlobSink sink(writer, layer ? &*layer : nullptr, stop_,
                  [&](std::uint64_t done) { progress_.bytes(item, done, blob.size_bytes); });
    HttpRequest request;
    request.url = endpoint.blob_url(blob.digest);
    request.follow_redirects = true;
    request.max_reply_bytes = blob.size_bytes;
    auto answer = client_.once(endpoint, {}, std::move(request), cancel_, &sink);
    if (!answer) {
      fall_back = answer.error().fault() == Fault::remote;
      return fail(std::move(answer).error());
    }
    if (answer->head.status != 200) {
      retry_after = answer->head.header("retry-after");
      fall_back = may_fall_back(answer->head.status);
      return fail(reply_error(endpoint, answer->head, answer->body, "pulling " + item));
    }
    if (auto whole = writer.commit_expecting(blob.digest, blob.size_bytes); !whole)
      return fail(std::move(whole).error().at(redact(answer->head.url)));
    if (layer) {
      fall_back = false;  // the digest was right: every endpoint has the same bytes
      SCANGATE_TRY(const DiffId found, layer->finish());
      SCANGATE_CHECK(check_diff_id(blob, found, *diff_id));
    }
    if (!endpoint.is_mirror) {
      sources_.put(endpoint.registry, blob.digest, endpoint.repository);
      // Only a help for later pushes: a store that cannot take it is no reason to fail.
      static_cast<void>(
          store_.cache_put(kBlobSourceTable, blob_source_key(endpoint.registry, blob.digest), endpoint.repository));
    }
    return {};
  }

  const RegistryClient& client_;
  const Reference& name_;
  Platform platform_;
  Store& store_;
  BlobSources& sources_;
  const Cancel& cancel_;
  Progress& progress_;
  std::vector<Endpoint> endpoints_;
  std::atomic<bool> stop_{false};
};

}  // namespace

void BlobSources::put(const std::string& registry, const Digest& digest, const std::string& repository) {
  const std::lock_guard lock(mutex_);
  repositories_[{registry, digest}] = repository;
}

std::optional<std::string> BlobSources::find(const std::string& registry, const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = repositories_.find({registry, digest});
  return found == repositories_.end() ? std::nullopt : std::optional(found->second);
}

std::string blob_source_key(const std::string& registry, const Digest& digest) {
  return registry + " " + digest.str();
}

Result<PulledImage> pull_image(const RegistryClient& client, const Reference& name, const Platform& platform,
                               PullPolicy policy, Store& store, BlobSources& sources, const Cancel& cancel,
                               Progress& progress) {
  return Pull(client, name, platform, store, sources, cancel, progress).run(policy);
}

Result<PulledImage> pull_all_platforms(const RegistryClient& client, const Reference& name, Store& store,
                                       BlobSources& sources, const Cancel& cancel, Progress& progress) {
  return Pull(client, name, Platform::host(), store, sources, cancel, progress).run_all();
}

Result<void> pull_one_blob(const RegistryClient& client, const Reference& repository, const Descriptor& blob,
                           Store& store, BlobSources& sources, const Cancel& cancel, Progress& progress) {
  return Pull(client, repository, Platform::host(), store, sources, cancel, progress).run_blob(blob);
}

Result<std::optional<Digest>> resolve_name(const RegistryClient& client, const Reference& name, const Cancel& cancel) {
  const auto endpoints = pull_endpoints(client.settings(), name);
  for (std::size_t i = 0;; ++i) {
    const bool last = i + 1 == endpoints.size();
    HttpRequest request;
    request.method = "HEAD";
    request.url = endpoints[i].manifest_url(reference_part(name));
    request.headers = {{"Accept", accepted_types()}};
    request.follow_redirects = true;
    auto answer = client.call(endpoints[i], {}, request, cancel);
    if (!answer) {
      if (last || answer.error().fault() != Fault::remote) return fail(std::move(answer).error());
      continue;
    }
    if (answer->head.status == 200) {
      if (const auto digest = Digest::parse(answer->head.header("docker-content-digest")))
        return std::optional(*digest);
      request.method = "GET";
      request.max_reply_bytes = kMaxManifestBytes;
      SCANGATE_TRY(answer, client.call(endpoints[i], {}, request, cancel));
      if (answer->head.status == 200) return std::optional(Digest::of(answer->body));
    }
    if (!last && may_fall_back(answer->head.status)) continue;
    if (answer->head.status == 404) return std::optional<Digest>();
    return fail(reply_error(endpoints[i], answer->head, answer->body, "looking up " + name.familiar()));
  }
}

Result<std::optional<RemoteDocument>> fetch_document(const RegistryClient& client, const Reference& name,
                                                     const Cancel& cancel) {
  const auto endpoints = pull_endpoints(client.settings(), name);
  for (std::size_t i = 0;; ++i) {
    const bool last = i + 1 == endpoints.size();
    HttpRequest request;
    request.url = endpoints[i].manifest_url(reference_part(name));
    request.headers = {{"Accept", accepted_types()}};
    request.follow_redirects = true;
    request.max_reply_bytes = kMaxManifestBytes;
    auto answer = client.call(endpoints[i], {}, request, cancel);
    if (!answer) {
      if (last || answer.error().fault() != Fault::remote) return fail(std::move(answer).error());
      continue;
    }
    if (answer->head.status == 200) {
      RemoteDocument out{answer->head.header("content-type"), Digest::of(answer->body), std::move(answer->body)};
      if (name.digest && *name.digest != out.digest)
        return fail(Error(Fault::remote, fmt::format("the registry gave another manifest than {}", name.digest->str()))
                        .at(redact(request.url)));
      return std::optional(std::move(out));
    }
    if (!last && may_fall_back(answer->head.status)) continue;
    if (answer->head.status == 404) return std::optional<RemoteDocument>();
    return fail(reply_error(endpoints[i], answer->head, answer->body, "looking up " + name.familiar()));
  }
}

}  // namespace scangate
