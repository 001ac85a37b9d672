// Where credentials come from: docker's config.json and its helpers, fixed tables, chains.
#include <algorithm>
#include <map>
#include <mutex>

#include "base/base64.h"
#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/registry/registry.h"

namespace scangate {
namespace {

// A real config has a handful of registries; this bounds look-ups in a hostile one.
constexpr std::size_t kMaxAuths = 10'000;
constexpr std::size_t kMaxHelperOutput = 64U << 10U;
// The key docker login writes for Docker Hub.
constexpr std::string_view kDockerHubKey = "https://index.docker.io/v1/";

// "https://index.docker.io/v1/" and "registry-1.docker.io" are docker.io; scheme and API version do not matter.
std::string normal_key(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  while (key.ends_with('/'))
    key.remove_suffix(1);
  for (const std::string_view version : {"/v1", "/v2"})
    if (key.ends_with(version)) key.remove_suffix(version.size());
  const std::size_t slash = key.find('/');
  std::string host = to_lower(key.substr(0, slash));
  if (host == "index.docker.io" || host == "registry-1.docker.io") host = "docker.io";
  return slash == std::string_view::npos ? host : host + std::string(key.substr(slash));
}

Result<Credentials> read_auth(const nlohmann::json& entry, const std::string& place) {
  Credentials out;
  out.username = json_string(entry, "username");
  out.password = json_string(entry, "password");
  out.identity_token = json_string(entry, "identitytoken");
  if (const std::string auth = json_string(entry, "auth"); !auth.empty()) {
    auto text = base64_decode(auth);
    const std::size_t colon = text ? text->find(':') : std::string::npos;
    if (colon == std::string::npos)
      return fail(Error(Fault::user, "'auth' is not the base64 of user:password").at(place));
    out.username = text->substr(0, colon);
    out.password = text->substr(colon + 1);
    while (out.password.ends_with('\0'))  // old docker padded it
      out.password.pop_back();
  }
  return out;
}

bool is_helper_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

class DockerConfigCredentials final : public CredentialSource {
 public:
  DockerConfigCredentials(std::string place, ProcessRunner& runner) : place_(std::move(place)), runner_(runner) {}

  Result<void> read(const nlohmann::json& config) {
    const auto& auths = json_object(config, "auths");
    if (auths.size() > kMaxAuths)
      return fail(Error(Fault::user, fmt::format("more than {} entries in 'auths'", kMaxAuths)).at(place_));
    for (const auto& [key, entry] : auths.items()) {
      SCANGATE_TRY(auto credentials, read_auth(entry, fmt::format("{}: auths.{}", place_, printable(key))));
      // An empty entry says that a helper has them.
      if (!credentials.username.empty() || !credentials.identity_token.empty())
        auths_[normal_key(key)] = std::move(credentials);
    }
    for (const auto& [key, helper] : json_object(config, "credHelpers").items()) {
      if (!helper.is_string() || !is_helper_name(helper.get<std::string>()))
        return fail(Error(Fault::user, "this is not the name of a credential helper")
                        .at(fmt::format("{}: credHelpers.{}", place_, printable(key))));
      helpers_[normal_key(key)] = helper.get<std::string>();
    }
    default_helper_ = json_string(config, "credsStore");
    if (!default_helper_.empty() && !is_helper_name(default_helper_))
      return fail(Error(Fault::user, "this is not the name of a credential helper").at(place_ + ": credsStore"));
    return {};
  }

  Result<std::optional<Credentials>> find(const std::string& registry, const std::string& repository) override {
    const std::string host = normal_key(registry);
    if (const auto helper = helpers_.find(host); helper != helpers_.end()) {
      SCANGATE_TRY(auto found, ask(helper->second, host));
      if (found) return found;
    } else if (!default_helper_.empty()) {
      SCANGATE_TRY(auto found, ask(default_helper_, host));
      if (found) return found;
    }
    for (std::string key = host + "/" + repository;; key.resize(key.rfind('/'))) {
      if (const auto found = auths_.find(key); found != auths_.end()) return std::optional(found->second);
      if (key.find('/') == std::string::npos) return std::optional<Credentials>();
    }
  }

 private:
  // docker-credential-helpers' protocol: the server on stdin, JSON on stdout.
  Result<std::optional<Credentials>> ask(const std::string& helper, const std::string& host) {
    const std::lock_guard lock(mutex_);  // helpers may prompt; each registry is asked once
    if (const auto known = asked_.find(host); known != asked_.end()) return known->second;
    std::string out;
    const Command command{.argv = {"docker-credential-" + helper, "get"},
                          .environment = current_environment(),
                          .input = host == "docker.io" ? std::string(kDockerHubKey) : host,
                          .timeout = std::chrono::seconds(60)};
    auto exit = runner_.run(command, Cancel(), [&](Stream stream, std::string_view text) {
      if (stream == Stream::out && out.size() < kMaxHelperOutput) out += text;
    });
    if (!exit) return fail(std::move(exit).error().at(place_).remedy("install the helper, or remove it from the file"));
    if (exit->shell_code() != 0) {
      if (out.find("not found") != std::string::npos) return asked_[host] = std::optional<Credentials>();
      // Not what it printed: that may hold the secret.
      return fail(
          Error(Fault::user, fmt::format("the credential helper '{}' ended with {}", helper, exit->shell_code()))
              .at(place_));
    }
    const auto answer = parse_json(out, "docker-credential-" + helper);
    if (!answer || !answer->is_object())
      return fail(
          Error(Fault::user, fmt::format("the credential helper '{}' did not answer with JSON", helper)).at(place_));
    Credentials credentials;
    credentials.username = json_string(*answer, "Username");
    const std::string secret = json_string(*answer, "Secret");
    (credentials.username == "<token>" ? credentials.identity_token : credentials.password) = secret;
    if (!credentials.identity_token.empty()) credentials.username.clear();
    return asked_[host] = std::optional(credentials);
  }

  std::string place_;
  ProcessRunner& runner_;
  std::map<std::string, Credentials> auths_;
  std::map<std::string, std::string> helpers_;
  std::string default_helper_;
  std::mutex mutex_;
  std::map<std::string, std::optional<Credentials>> asked_;
};

class FixedCredentials final : public CredentialSource {
 public:
  explicit FixedCredentials(const std::map<std::string, Credentials>& by_registry) {
    for (const auto& [registry, credentials] : by_registry)
      by_registry_[normal_key(registry)] = credentials;
  }
  Result<std::optional<Credentials>> find(const std::string& registry, const std::string&) override {
    const auto found = by_registry_.find(normal_key(registry));
    return found == by_registry_.end() ? std::optional<Credentials>() : std::optional(found->second);
  }

 private:
  std::map<std::string, Credentials> by_registry_;
};

class ChainedCredentials final : public CredentialSource {
 public:
  explicit ChainedCredentials(std::vector<std::shared_ptr<CredentialSource>> sources) : sources_(std::move(sources)) {}
  Result<std::optional<Credentials>> find(const std::string& registry, const std::string& repository) override {
    for (const auto& source : sources_) {
      SCANGATE_TRY(auto found, source->find(registry, repository));
      if (found) return found;
    }
    return std::optional<Credentials>();
  }

 private:
  std::vector<std::shared_ptr<CredentialSource>> sources_;
};

}  // namespace

Result<std::unique_ptr<CredentialSource>> docker_config_credentials(std::string_view json, std::string place,
                                                                    ProcessRunner& runner) {
  SCANGATE_TRY(const auto config, parse_json(json, place));
  if (!config.is_object()) return fail(Error(Fault::user, "this is not a JSON object").at(std::move(place)));
  auto out = std::make_unique<DockerConfigCredentials>(std::move(place), runner);
  SCANGATE_CHECK(out->read(config));
  return out;
}

std::unique_ptr<CredentialSource> fixed_credentials(std::map<std::string, Credentials> by_registry) {
  return std::make_unique<FixedCredentials>(by_registry);
}

std::unique_ptr<CredentialSource> chained_credentials(std::vector<std::shared_ptr<CredentialSource>> sources) {
  return std::make_unique<ChainedCredentials>(std::move(sources));
}

}  // namespace scangate
