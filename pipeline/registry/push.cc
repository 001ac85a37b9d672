#include "pipeline/registry/push.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "pipeline/image/image_index.h"
#include "pipeline/registry/parallel.h"
#include "pipeline/registry/reply_error.h"

namespace scangate {
namespace {

// Up to this size a blob goes with the closing PUT: one request less, and cheap to send again.
constexpr std::uint64_t kMaxMonolithicBytes = 1U << 20U;

// A blob's file, read straight into the transfer's buffer; stops when another transfer failed.
class BlobSource final : public ByteSource {
 public:
  BlobSource(UniqueFd fd, std::string name, const std::atomic<bool>& stop)
      : file_(std::move(fd), std::move(name)), stop_(stop) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (stop_) return fail(cancelled_error());
    return file_.read(buffer);
  }

 private:
  FdSource file_;
  const std::atomic<bool>& stop_;
};

class Push {
 public:
  Push(const RegistryClient& client, const Store& store, const Reference& to, BlobSources& sources,
       const Cancel& cancel, Progress& progress)
      : client_(client),
        store_(store),
        to_(to),
        sources_(sources),
        cancel_(cancel),
        progress_(progress),
        endpoint_(make_endpoint(client.settings(), to.registry, to.repository)) {}

  Result<PushedImage> run(const Digest& digest) {
    SCANGATE_TRY(const std::string text, store_.read_blob(digest, kMaxManifestBytes));
    const std::string reference = to_.tag.empty() ? digest.str() : to_.tag;
    const std::string type = document_media_type(text);
    if (is_index_type(type))
      SCANGATE_CHECK(push_index(digest, text, type, reference));
    else
      SCANGATE_CHECK(push_image(digest, text, reference));
    return PushedImage{.manifest_digest = digest,
                       .sent_bytes = sent_bytes_,
                       .sent_blobs = sent_blobs_,
                       .known_blobs = known_at_first_};
  }

 private:
  // Its manifests first, by digest: no tag leads to them, and the index names only what is there.
  Result<void> push_index(const Digest& digest, const std::string& text, const std::string& type,
                          const std::string& reference) {
    SCANGATE_TRY(const ImageIndex index, parse_index(text, digest.str()));
    const auto push_parts = [&]() -> Result<void> {
      std::set<Digest> seen;
      for (const Descriptor& entry : index.manifests) {
        if (!seen.insert(entry.digest).second) continue;
        SCANGATE_TRY(const std::string part, store_.read_blob(entry.digest, kMaxManifestBytes));
        SCANGATE_CHECK(push_image(entry.digest, part, entry.digest.str()));
      }
      return {};
    };
    SCANGATE_CHECK(push_parts());
    return push_manifest(digest, text, type, reference, push_parts);
  }

  Result<void> push_image(const Digest& manifest_digest, const std::string& text, const std::string& reference) {
    SCANGATE_TRY(const Manifest manifest, parse_manifest(text, manifest_digest.str()));
    std::vector<Descriptor> blobs;
    std::set<Digest> seen;
    for (const auto& layer : manifest.layers) {
      if (layer.media_type == media_type::kDockerForeignLayer) continue;  // may not be distributed
      if (seen.insert(layer.digest).second) blobs.push_back(layer);
    }
    std::stable_sort(blobs.begin(), blobs.end(),
                     [](const Descriptor& a, const Descriptor& b) { return a.size_bytes > b.size_bytes; });
    if (seen.insert(manifest.config.digest).second) blobs.push_back(manifest.config);
    for (const auto& blob : blobs)
      if (!store_.has_blob(blob.digest))
        return fail(Error(Fault::user, fmt::format("blob {} is not in the store", blob.digest.str()))
                        .at(to_.familiar())
                        .remedy("pull or build the image again"));

    const std::size_t known_before = known_blobs_;
    SCANGATE_CHECK(push_blobs(blobs, manifest));
    known_at_first_ += known_blobs_ - known_before;
    return push_manifest(manifest_digest, text, manifest.media_type, reference,
                         [&] { return push_blobs(blobs, manifest); });
  }

  Result<void> push_blobs(const std::vector<Descriptor>& blobs, const Manifest& manifest) {
    std::vector<std::function<Result<void>()>> jobs;
    for (const auto& blob : blobs)
      jobs.emplace_back([&] { return push_blob(blob, blob.digest == manifest.config.digest ? "config " : "layer "); });
    return run_parallel(std::move(jobs), client_.settings().parallel_blobs, stop_);
  }

  Result<void> push_blob(const Descriptor& blob, const std::string& kind) {
    const std::string item = kind + blob.digest.brief();
    HttpRequest head;
    head.method = "HEAD";
    head.url = endpoint_.blob_url(blob.digest);
    head.follow_redirects = true;
    SCANGATE_TRY(const Answer there, client_.call(endpoint_, {.push = true}, head, cancel_));
    if (there.head.status == 200) {
      ++known_blobs_;
      remember(blob);
      return {};
    }
    if (there.head.status == 401 || there.head.status == 403)
      return fail(reply_error(endpoint_, there.head, there.body, "pushing to " + to_.familiar()));

    Backoff backoff(client_.settings(), client_.settings().attempts);
    for (bool first = true;; first = false) {
      std::string retry_after;
      const auto done = upload(blob, item, first ? mount_source(blob) : std::nullopt, retry_after);
      if (done) {
        remember(blob);
        return {};
      }
      if (!done.error().is_worth_retrying() || stop_) return done;
      SCANGATE_TRY(const bool go_on, backoff.wait(retry_after, cancel_));
      if (!go_on) return done;
      progress_.line(Level::info, fmt::format("{}; sending {} again", done.error().text(), item));
    }
  }

  void remember(const Descriptor& blob) { sources_.put(endpoint_.registry, blob.digest, endpoint_.repository); }

  std::optional<std::string> mount_source(const Descriptor& blob) const {
    auto repository = sources_.find(endpoint_.registry, blob.digest);
    if (!repository) {
      auto stored = store_.cache_get(kBlobSourceTable, blob_source_key(endpoint_.registry, blob.digest));
      if (stored && *stored) repository = **stored;
    }
    return repository == endpoint_.repository ? std::nullopt : repository;
  }

  // Always a new session: registries differ in what they make of a broken one.
  Result<void> upload(const Descriptor& blob, const std::string& item, const std::optional<std::string>& mount_from,
                      std::string& retry_after) {
    const auto refused = [&](const Answer& answer) {
      retry_after = answer.head.header("retry-after");
      return fail(reply_error(endpoint_, answer.head, answer.body, "pushing " + item));
    };
    HttpRequest start;
    start.method = "POST";
    start.url = endpoint_.url(endpoint_.repository + "/blobs/uploads/");
    std::optional<Answer> session;
    if (mount_from) {
      HttpRequest mount = start;
      mount.url += "?mount=" + url_encode(blob.digest.str()) + "&from=" + url_encode(*mount_from);
      // A token server may refuse the other repository: then it is uploaded.
      auto answer = client_.once(endpoint_, {.push = true, .mount_from = *mount_from}, std::move(mount), cancel_);
      if (!answer && cancel_.cancelled()) return fail(std::move(answer).error());
      if (answer && answer->head.status == 201) {
        ++known_blobs_;
        return {};
      }
      if (answer && answer->head.status == 202) session = std::move(*answer);
    }
    if (!session) {
      SCANGATE_TRY(session, client_.once(endpoint_, {.push = true}, std::move(start), cancel_));
      if (session->head.status != 202) return refused(*session);
    }
    SCANGATE_TRY(Url location, location_of(session->head));

    const bool at_once = blob.size_bytes <= kMaxMonolithicBytes;
    if (!at_once) {
      SCANGATE_TRY(const Answer answer, send(blob, item, "PATCH", location));
      // 202 by the specification; ECR answers 201.
      if (answer.head.status != 202 && answer.head.status != 201 && answer.head.status != 204) return refused(answer);
      if (!answer.head.header("location").empty()) {
        SCANGATE_TRY(location, location_of(answer.head));
      }
    }
    location.target +=
        (location.target.find('?') == std::string::npos ? "?digest=" : "&digest=") + url_encode(blob.digest.str());
    SCANGATE_TRY(const Answer answer, at_once ? send(blob, item, "PUT", location) : close(location));
    if (answer.head.status != 201 && answer.head.status != 204) return refused(answer);
    sent_bytes_ += blob.size_bytes;
    ++sent_blobs_;
    return {};
  }

  Result<Answer> send(const Descriptor& blob, const std::string& item, const std::string& method, const Url& location) {
    HttpRequest request;
    request.method = method;
    request.url = location.str();
    request.headers = {{"Content-Type", "application/octet-stream"}};
    request.open_body = [&]() -> Result<std::unique_ptr<ByteSource>> {
      SCANGATE_TRY(UniqueFd fd, store_.open_blob(blob.digest));
      return std::make_unique<BlobSource>(std::move(fd), item, stop_);
    };
    request.body_size = blob.size_bytes;
    request.on_sent = [&](std::uint64_t sent) { progress_.bytes(item, sent, blob.size_bytes); };
    return client_.once(endpoint_, {.push = true}, std::move(request), cancel_);
  }

  Result<Answer> close(const Url& location) {
    HttpRequest request;
    request.method = "PUT";
    request.url = location.str();
    request.stall_timeout = std::chrono::minutes(10);  // the registry hashes or moves the blob before it answers
    return client_.once(endpoint_, {.push = true}, std::move(request), cancel_);
  }

  Result<Url> location_of(const HttpReply& reply) const {
    const auto asked = Url::parse(reply.url);
    auto location = asked ? asked->resolve(reply.header("location")) : std::nullopt;
    if (!location || reply.header("location").empty())
      return fail(Error(Fault::remote, fmt::format("the registry gave no usable upload location: '{}'",
                                                   redact(printable(reply.header("location")))))
                      .at(redact(reply.url)));
    if (endpoint_.base.scheme == "https" && location->scheme == "http") {
      // A registry behind a proxy that does not know it is https: common for the same host, a leak for another.
      if (location->host_name() != endpoint_.base.host_name())
        return fail(
            Error(Fault::remote, fmt::format("the registry wants the upload on {} over plain http", location->host))
                .at(redact(reply.url)));
      location->scheme = "https";
      location->host = endpoint_.base.host;
    }
    return *location;
  }

  // A registry may miss a blob that it just had: docker-registry reads the link of a blob while another push of the
  // same blob writes it, and registries in several places agree later. Then the blobs are looked for, and sent, again.
  static bool misses_blob(const Answer& answer) {
    if (answer.head.status != 400 && answer.head.status != 404) return false;
    return has_error_code(answer.body, "MANIFEST_BLOB_UNKNOWN") || has_error_code(answer.body, "BLOB_UNKNOWN") ||
           has_error_code(answer.body, "MANIFEST_UNKNOWN");
  }

  Result<void> push_manifest(const Digest& digest, const std::string& text, const std::string& type,
                             const std::string& reference, const std::function<Result<void>()>& push_blobs_again) {
    HttpRequest request;
    request.method = "PUT";
    request.url = endpoint_.manifest_url(reference);
    request.headers = {{"Content-Type", type}};
    request.body = text;
    Backoff backoff(client_.settings(), client_.settings().attempts);
    for (;;) {
      if (cancel_.cancelled()) return fail(cancelled_error());
      SCANGATE_TRY(const Answer answer, client_.call(endpoint_, {.push = true}, request, cancel_));
      if (answer.head.status == 201 || answer.head.status == 200) return check_stored(answer, digest);
      const Error refused =
          reply_error(endpoint_, answer.head, answer.body, "pushing the manifest of " + to_.familiar());
      if (!misses_blob(answer)) return fail(refused);
      SCANGATE_TRY(const bool go_on, backoff.wait(answer.head.header("retry-after"), cancel_));
      if (!go_on) return fail(refused);
      progress_.line(Level::info, refused.text() + "; looking for its blobs again");
      SCANGATE_CHECK(push_blobs_again());
    }
  }

  static Result<void> check_stored(const Answer& answer, const Digest& digest) {
    const std::string stored = answer.head.header("docker-content-digest");
    if (stored.starts_with("sha256:") && stored != digest.str())
      return fail(Error(Fault::remote, fmt::format("the registry stored the manifest as {} instead of {}",
                                                   printable(stored), digest.str()))
                      .at(redact(answer.head.url)));
    return {};
  }

  const RegistryClient& client_;
  const Store& store_;
  const Reference& to_;
  BlobSources& sources_;
  const Cancel& cancel_;
  Progress& progress_;
  Endpoint endpoint_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> sent_bytes_{0};
  std::atomic<std::size_t> sent_blobs_{0};
  std::atomic<std::size_t> known_blobs_{0};
  std::size_t known_at_first_ = 0;  // without those that a second look found, which this push sent itself
};

}  // namespace

Result<PushedImage> push_image(const RegistryClient& client, const Store& store, const Digest& manifest_digest,
                               const Reference& to, BlobSources& sources, const Cancel& cancel, Progress& progress) {
  return Push(client, store, to, sources, cancel, progress).run(manifest_digest);
}

}  // namespace scangate
