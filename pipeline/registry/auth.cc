#include "pipeline/registry/auth.h"

#include <algorithm>

#include "base/base64.h"
#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/registry/reply_error.h"

namespace scangate {
namespace {

// GitLab's and Docker Hub's tokens have some 2 to 8 kB.
constexpr std::size_t kMaxTokenBytes = 1U << 20U;
// The specification's value where a server does not say.
constexpr std::int64_t kDefaultLifeSeconds = 60;
// Enough for a request to begin; a quarter of the life for tokens that are shorter still.
constexpr std::chrono::seconds kRenewBefore{15};
constexpr const char* kClientId = "scangate";

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts)
    out += (out.empty() ? "" : " ") + part;
  return out;
}

Error no_credentials(const Endpoint& endpoint) {
  return Error(Fault::user, "authentication required, and there are no credentials for it")
      .at(endpoint.registry)
      .remedy("docker login " + endpoint.registry);
}

}  // namespace

std::vector<std::string> Access::scopes(const std::string& repository) const {
  std::vector<std::string> out;
  if (repository.empty()) return out;
  out.push_back("repository:" + repository + (push ? ":pull,push" : ":pull"));
  if (!mount_from.empty()) out.push_back("repository:" + mount_from + ":pull");
  return out;
}

Authorizer::Authorizer(const RegistrySettings& settings, std::shared_ptr<CredentialSource> credentials,
                       std::shared_ptr<HttpTransport> transport)
    : settings_(settings), credentials_(std::move(credentials)), transport_(std::move(transport)) {}

Result<std::string> Authorizer::header(const Endpoint& endpoint, const Access& access, const Cancel& cancel) {
  Challenge challenge;
  {
    const std::lock_guard lock(mutex_);
    const auto known = challenges_.find(endpoint.registry);
    if (known == challenges_.end()) return std::string();
    challenge = known->second;
  }
  return challenge.scheme == "basic" ? basic(endpoint) : bearer(endpoint, challenge, access, cancel);
}

Result<void> Authorizer::challenged(const Endpoint& endpoint, const Access& access, const HttpReply& reply,
                                    std::string_view body, const std::string& used, const Cancel& cancel) {
  std::vector<Challenge> offered;
  for (const auto& [name, value] : reply.headers)
    if (name == "www-authenticate")
      for (auto& challenge : parse_challenges(value))
        offered.push_back(std::move(challenge));
  // Bearer first: a server that offers both means Basic for its token service or for people.
  const Challenge* chosen = nullptr;
  for (const std::string_view scheme : {"bearer", "basic"})
    for (const auto& challenge : offered)
      if (chosen == nullptr && challenge.scheme == scheme) chosen = &challenge;
  if (chosen == nullptr)
    return fail(Error(Fault::remote,
                      "the registry asks for authentication without saying how (no Basic or Bearer "
                      "challenge)")
                    .at(endpoint.registry));
  {
    const std::lock_guard lock(mutex_);
    challenges_[endpoint.registry] = *chosen;
    if (used.starts_with("Bearer "))
      std::erase_if(tokens_, [&](const auto& token) { return "Bearer " + token.second.value == used; });
  }
  SCANGATE_TRY(const std::string now, header(endpoint, access, cancel));
  if (now == used) return fail(refused_credentials(endpoint, reply, body));
  return {};
}

Result<std::string> Authorizer::basic(const Endpoint& endpoint) {
  SCANGATE_TRY(const auto credentials, credentials_->find(endpoint.registry, endpoint.repository));
  if (!credentials || credentials->username.empty()) return fail(no_credentials(endpoint));
  return "Basic " + base64_encode(credentials->username + ":" + credentials->password);
}

Result<std::string> Authorizer::bearer(const Endpoint& endpoint, const Challenge& challenge, const Access& access,
                                       const Cancel& cancel) {
  const auto parameter = [&](const char* name) {
    const auto found = challenge.parameters.find(name);
    return found == challenge.parameters.end() ? std::string() : found->second;
  };
  const auto realm = Url::parse(parameter("realm"));
  if (!realm)
    return fail(Error(Fault::remote, fmt::format("the registry names a token server that is not a URL: '{}'",
                                                 redact(printable(parameter("realm")))))
                    .at(endpoint.registry));
  std::vector<std::string> scopes = access.scopes(endpoint.repository);
  if (scopes.empty() && !parameter("scope").empty()) scopes.push_back(parameter("scope"));
  const std::string key = endpoint.registry + " " + endpoint.repository + " " + realm->str() + " " +
                          parameter("service") + " " + join(scopes);
  const std::lock_guard one_at_a_time(fetching_);
  {
    const std::lock_guard lock(mutex_);
    const auto known = tokens_.find(key);
    if (known != tokens_.end() && std::chrono::steady_clock::now() < known->second.renew_at)
      return "Bearer " + known->second.value;
  }
  SCANGATE_TRY(Token token, fetch_token(endpoint, *realm, parameter("service"), scopes, cancel));
  const std::lock_guard lock(mutex_);
  tokens_[key] = token;
  return "Bearer " + token.value;
}

Result<Authorizer::Token> Authorizer::fetch_token(const Endpoint& endpoint, const Url& realm,
                                                  const std::string& service, const std::vector<std::string>& scopes,
                                                  const Cancel& cancel) {
  // A registry may send us anywhere, so plain http is only for where the registry itself is plain, and loopback is
  // only for registries that are there too.
  const bool same_host = realm.host_name() == endpoint.base.host_name();
  if (realm.scheme == "http" && !same_host && !is_loopback(realm.host))
    return fail(
        Error(Fault::remote, fmt::format("credentials are not sent to the token server {} over plain http", realm.host))
            .at(endpoint.registry));
  if (is_loopback(realm.host) && !is_loopback(endpoint.base.host))
    return fail(
        Error(Fault::remote, fmt::format("the registry names the token server {}, which is this machine", realm.host))
            .at(endpoint.registry));
  SCANGATE_TRY(const auto credentials, credentials_->find(endpoint.registry, endpoint.repository));

  HttpRequest request;
  request.plain_http = realm.scheme == "http";
  request.max_reply_bytes = kMaxTokenBytes;
  request.stall_timeout = std::chrono::seconds(30);
  // What the configuration says of the token server's own host, GitLab's for its registry, comes first.
  if (const auto known = settings_.hosts.find(realm.host); known != settings_.hosts.end()) {
    request.verify_certificates = known->second.verify_certificates;
    request.ca_file = known->second.ca_file;
  } else {
    request.verify_certificates = !same_host || endpoint.settings.verify_certificates;
    request.ca_file = endpoint.settings.ca_file;
  }
  if (credentials && !credentials->identity_token.empty()) {
    request.method = "POST";
    request.url = realm.str();
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = "grant_type=refresh_token&service=" + url_encode(service) + "&client_id=" + kClientId +
                   "&scope=" + url_encode(join(scopes)) + "&refresh_token=" + url_encode(credentials->identity_token);
  } else {
    std::string query = "service=" + url_encode(service);
    for (const auto& scope : scopes)
      query += "&scope=" + url_encode(scope);
    if (credentials) {
      query += "&account=" + url_encode(credentials->username);
      request.headers = {
          {"Authorization", "Basic " + base64_encode(credentials->username + ":" + credentials->password)}};
    }
    request.url = realm.str() + (realm.target.find('?') == std::string::npos ? "?" : "&") + query;
  }
  StringSink body(kMaxTokenBytes);
  SCANGATE_TRY(const HttpReply reply, transport_->send(request, body, cancel));
  if (reply.status == 401 || reply.status == 403) {
    if (!credentials) return fail(no_credentials(endpoint));
    return fail(refused_credentials(endpoint, reply, body.text()));
  }
  if (reply.status != 200) return fail(reply_error(endpoint, reply, body.text(), "asking for a token"));
  const auto answer = parse_json(body.text(), redact(realm.str()));
  std::string token = answer && answer->is_object() ? json_string(*answer, "token") : "";
  if (token.empty() && answer && answer->is_object()) token = json_string(*answer, "access_token");
  if (token.empty() || token.find_first_of("\r\n") != std::string::npos)
    return fail(Error(Fault::remote, "the token server's answer has no token").at(redact(realm.str())));
  const auto life = std::chrono::seconds(
      std::clamp<std::int64_t>(json_int(*answer, "expires_in").value_or(kDefaultLifeSeconds), 1, 86400));
  return Token{std::move(token), std::chrono::steady_clock::now() + life - std::min(kRenewBefore, life / 4)};
}

}  // namespace scangate
