#include "pipeline/registry/registry.h"

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/registry/pull.h"
#include "pipeline/registry/push.h"
#include "pipeline/registry/reply_error.h"

namespace scangate {
namespace {

// 1000 a page: the most that ECR gives. GitLab's largest repositories have some ten thousand tags.
constexpr std::size_t kTagsPerPage = 1000;
constexpr std::size_t kMaxTagPages = 100;

// The target of rel="next". RFC 8288.
std::string next_link(const std::string& header) {
  const std::size_t begin = header.find('<');
  const std::size_t end = header.find('>');
  if (begin == std::string::npos || end == std::string::npos || end < begin ||
      header.find("next", end) == std::string::npos)
    return {};
  return header.substr(begin + 1, end - begin - 1);
}

}  // namespace

Endpoint make_endpoint(const RegistrySettings& settings, const std::string& host, const std::string& repository) {
  Endpoint out;
  const std::size_t slash = host.find('/');
  out.registry = host.substr(0, slash);
  out.repository = slash == std::string::npos ? repository : host.substr(slash + 1) + "/" + repository;
  if (const auto known = settings.hosts.find(out.registry); known != settings.hosts.end()) out.settings = known->second;
  // A certificate, or the wish not to look at it, says that a loopback registry speaks TLS.
  const bool plain = out.settings.plain_http ||
                     (is_loopback(out.registry) && out.settings.ca_file.empty() && out.settings.verify_certificates);
  out.base = {.scheme = plain ? "http" : "https",
              .host = out.registry == "docker.io" ? "registry-1.docker.io" : to_lower(out.registry),
              .target = "/"};
  return out;
}

std::vector<Endpoint> pull_endpoints(const RegistrySettings& settings, const Reference& name) {
  std::vector<Endpoint> out;
  Endpoint origin = make_endpoint(settings, name.registry, name.repository);
  for (const auto& mirror : origin.settings.mirrors) {
    out.push_back(make_endpoint(settings, mirror, name.repository));
    out.back().is_mirror = true;
  }
  out.push_back(std::move(origin));
  return out;
}

struct Registry::State {
  State(RegistrySettings the_settings, std::shared_ptr<CredentialSource> credentials,
        std::shared_ptr<HttpTransport> the_transport, std::shared_ptr<BlobSources> the_sources)
      : settings(std::move(the_settings)),
        transport(std::move(the_transport)),
        authorizer(settings, std::move(credentials), transport),
        client(settings, authorizer, *transport),
        sources(std::move(the_sources)) {}

  const RegistrySettings settings;
  std::shared_ptr<HttpTransport> transport;
  Authorizer authorizer;
  RegistryClient client;
  std::shared_ptr<BlobSources> sources;
};

Registry::Registry(RegistrySettings settings, std::shared_ptr<CredentialSource> credentials,
                   std::shared_ptr<HttpTransport> transport)
    : Registry(std::make_unique<State>(std::move(settings), std::move(credentials), std::move(transport),
                                       std::make_shared<BlobSources>())) {}
Registry::Registry(std::unique_ptr<State> state) : state_(std::move(state)) {}
Registry::~Registry() = default;

std::unique_ptr<Registry> Registry::with(std::shared_ptr<CredentialSource> credentials) const {
  return std::unique_ptr<Registry>(new Registry(
      std::make_unique<State>(state_->settings, std::move(credentials), state_->transport, state_->sources)));
}

Result<PulledImage> Registry::pull(const Reference& name, const Platform& platform, PullPolicy policy, Store& store,
                                   const Cancel& cancel, Progress& progress) {
  return pull_image(state_->client, name, platform, policy, store, *state_->sources, cancel, progress);
}

Result<PulledImage> Registry::pull_all(const Reference& name, Store& store, const Cancel& cancel, Progress& progress) {
  return pull_all_platforms(state_->client, name, store, *state_->sources, cancel, progress);
}

Result<PushedImage> Registry::push(const Store& store, const Digest& manifest_digest, const Reference& to,
                                   const Cancel& cancel, Progress& progress) {
  return push_image(state_->client, store, manifest_digest, to, *state_->sources, cancel, progress);
}

Result<std::optional<Digest>> Registry::resolve(const Reference& name, const Cancel& cancel) {
  return resolve_name(state_->client, name, cancel);
}

Result<std::optional<RemoteDocument>> Registry::document(const Reference& name, const Cancel& cancel) {
  return fetch_document(state_->client, name, cancel);
}

Result<std::string> Registry::blob_text(const Reference& repository, const Digest& digest, std::size_t cap_bytes,
                                        const Cancel& cancel) {
  const Endpoint endpoint = make_endpoint(state_->settings, repository.registry, repository.repository);
  HttpRequest request;
  request.url = endpoint.blob_url(digest);
  request.follow_redirects = true;
  request.max_reply_bytes = cap_bytes;
  SCANGATE_TRY(Answer answer, state_->client.call(endpoint, {}, request, cancel));
  if (answer.head.status != 200)
    return fail(reply_error(endpoint, answer.head, answer.body, "reading blob " + digest.str()));
  if (Digest::of(answer.body) != digest)
    return fail(
        Error(Fault::remote, fmt::format("blob {} does not have this digest", digest.str())).at(redact(request.url)));
  return std::move(answer.body);
}

Result<void> Registry::fetch_blob(const Reference& repository, const Descriptor& blob, Store& store,
                                  const Cancel& cancel, Progress& progress) {
  return pull_one_blob(state_->client, repository, blob, store, *state_->sources, cancel, progress);
}

Result<std::vector<std::string>> Registry::tags(const Reference& repository, const Cancel& cancel) {
  const Endpoint endpoint = make_endpoint(state_->settings, repository.registry, repository.repository);
  std::vector<std::string> out;
  std::string url = endpoint.url(fmt::format("{}/tags/list?n={}", repository.repository, kTagsPerPage));
  for (std::size_t page = 0; page < kMaxTagPages; ++page) {
    HttpRequest request;
    request.url = url;
    SCANGATE_TRY(const Answer answer, state_->client.call(endpoint, {}, request, cancel));
    if (answer.head.status != 200)
      return fail(reply_error(endpoint, answer.head, answer.body, "listing the tags of " + repository.repository));
    SCANGATE_TRY(const auto document, parse_json(answer.body, redact(url)));
    for (const auto& tag : json_array(document, "tags"))
      if (tag.is_string()) out.push_back(tag.get<std::string>());
    const std::string next = next_link(answer.head.header("link"));
    if (next.empty()) return out;
    const auto resolved = Url::parse(url)->resolve(next);
    if (!resolved || !resolved->same_origin(endpoint.base))
      return fail(
          Error(Fault::remote, fmt::format("the next page of tags lies elsewhere: '{}'", redact(printable(next))))
              .at(redact(url)));
    url = resolved->str();
  }
  return fail(Error(Fault::remote, fmt::format("more than {} pages of tags", kMaxTagPages)).at(redact(url)));
}

Result<void> Registry::check_login(const std::string& registry, const Credentials& credentials, const Cancel& cancel) {
  // An authorizer of its own: tokens of other credentials must not pass for these.
  Authorizer authorizer(state_->settings, fixed_credentials({{registry, credentials}}), state_->transport);
  const RegistryClient client(state_->settings, authorizer, *state_->transport);
  const Endpoint endpoint = make_endpoint(state_->settings, registry, "");
  HttpRequest request;
  request.url = endpoint.url("");
  SCANGATE_TRY(const Answer answer, client.call(endpoint, {}, request, cancel));
  if (answer.head.status == 200) return {};
  return fail(reply_error(endpoint, answer.head, answer.body, "logging in"));
}

}  // namespace scangate
