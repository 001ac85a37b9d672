#include "tests/support/test_registry.h"

#include <fmt/format.h>

#include "base/base64.h"
#include "base/json/json.h"
#include "base/text.h"

namespace scangate::test {
namespace {

ServerReply error(int status, const std::string& code, const std::string& message) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = dump_json(nlohmann::json{{"errors", {{{"code", code}, {"message", message}}}}})};
}

std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::multimap<std::string, std::string> parameters(const std::string& query) {
  std::multimap<std::string, std::string> out;
  for (const auto& pair : split(query, '&')) {
    const std::size_t equals = pair.find('=');
    if (equals != std::string::npos) out.emplace(pair.substr(0, equals), decode(pair.substr(equals + 1)));
  }
  return out;
}

std::string parameter(const std::multimap<std::string, std::string>& all, const std::string& name) {
  const auto found = all.find(name);
  return found == all.end() ? "" : found->second;
}

}  // namespace

TestRegistry::TestRegistry(Options options)
    : options_(std::move(options)), server_([this](const ServerRequest& request) { return handle(request); }) {}

void TestRegistry::set_fault(Fault fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

void TestRegistry::fail_times(int times, std::string method, std::string part, ServerReply reply) {
  const std::lock_guard lock(mutex_);
  rules_.push_back({times, std::move(method), std::move(part), std::move(reply)});
}

bool TestRegistry::has_blob(const std::string& repository, const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = blobs_.find(repository);
  return found != blobs_.end() && found->second.contains(digest.str());
}

std::optional<TestRegistry::Stored> TestRegistry::manifest(const std::string& repository,
                                                           const std::string& reference) const {
  const std::lock_guard lock(mutex_);
  const auto of = manifests_.find(repository);
  if (of == manifests_.end()) return std::nullopt;
  const auto found = of->second.find(reference);
  return found == of->second.end() ? std::nullopt : std::optional(found->second);
}

void TestRegistry::put_blob(const std::string& repository, const std::string& content) {
  const std::lock_guard lock(mutex_);
  const std::string digest = Digest::of(content).str();
  contents_[digest] = content;
  blobs_[repository].insert(digest);
}

void TestRegistry::put_manifest(const std::string& repository, const std::string& reference, const std::string& type,
                                const std::string& text) {
  const std::lock_guard lock(mutex_);
  manifests_[repository][reference] = {type, text};
  manifests_[repository][Digest::of(text).str()] = {type, text};
}

std::vector<std::string> TestRegistry::complaints() const {
  auto out = server_.complaints();
  const std::lock_guard lock(mutex_);
  out.insert(out.end(), complaints_.begin(), complaints_.end());
  return out;
}

int TestRegistry::count(const std::string& method, const std::string& part) const {
  int out = 0;
  for (const auto& request : server_.requests())
    if (request.method == method && request.path.find(part) != std::string::npos) ++out;
  return out;
}

ServerReply TestRegistry::handle(const ServerRequest& request) {
  Fault fault;
  {
    const std::lock_guard lock(mutex_);
    fault = fault_;
    for (auto& rule : rules_)
      if (rule.left > 0 && rule.method == request.method && request.path.find(rule.part) != std::string::npos) {
        --rule.left;
        return rule.reply;
      }
  }
  if (fault)
    if (auto reply = fault(request)) return *reply;
  const std::lock_guard lock(mutex_);
  if (request.path == "/token") return token(request);
  if (!request.path.starts_with("/v2/")) return error(404, "NOT_FOUND", "no such page");
  const std::string rest = request.path.substr(4);
  const auto part = [&](const std::string& marker) { return rest.rfind(marker); };
  std::string repository;
  for (const char* marker : {"/blobs/uploads/", "/blobs/", "/manifests/", "/tags/list"})
    if (repository.empty() && part(marker) != std::string::npos) repository = rest.substr(0, part(marker));
  if (ServerReply refusal; !authorized(request, repository, refusal)) return refusal;
  if (rest.empty()) return {};
  if (const auto at = part("/blobs/uploads/"); at != std::string::npos)
    return uploads(request, repository, rest.substr(at + 15));
  if (const auto at = part("/blobs/"); at != std::string::npos) return blobs(request, repository, rest.substr(at + 7));
  if (const auto at = part("/manifests/"); at != std::string::npos)
    return manifests(request, repository, rest.substr(at + 11));
  if (part("/tags/list") != std::string::npos) {
    nlohmann::json tags = nlohmann::json::array();
    // Pages of two, to be followed by Link.
    const std::string last = parameter(parameters(request.query), "last");
    bool more = false;
    for (const auto& [reference, stored] : manifests_[repository])
      if (reference.find(':') == std::string::npos && reference > last) {
        if (tags.size() == 2) {
          more = true;
          break;
        }
        tags.push_back(reference);
      }
    ServerReply reply{.body = dump_json(nlohmann::json{{"name", repository}, {"tags", tags}})};
    if (more)
      reply.headers.emplace_back("Link", fmt::format("</v2/{}/tags/list?n=2&last={}>; rel=\"next\"", repository,
                                                     tags.back().get<std::string>()));
    return reply;
  }
  return error(404, "NOT_FOUND", "no such page");
}

ServerReply TestRegistry::token(const ServerRequest& request) {
  std::multimap<std::string, std::string> given = parameters(request.method == "POST" ? request.body : request.query);
  const bool by_password =
      request.header("authorization") == "Basic " + base64_encode(options_.user + ":" + options_.password);
  const bool by_refresh_token = parameter(given, "refresh_token") == options_.password;
  const bool anonymous = request.header("authorization").empty() && !by_refresh_token;
  std::string scopes;
  for (auto [it, end] = given.equal_range("scope"); it != end; ++it)
    scopes += it->second + " ";
  if (parameter(given, "service") != "test-registry") complain("token without service");
  if (!anonymous && !by_password && !by_refresh_token)
    return {.status = 401, .body = R"({"details":"incorrect username or password"})"};
  if (anonymous && scopes.find("push") != std::string::npos)
    return {.status = 401, .body = R"({"details":"log in to push"})"};
  const std::string value = fmt::format("token-{}", next_++);
  tokens_[value] = {.scopes = scopes};
  ++tokens_given_;
  return {.body = dump_json(nlohmann::json{{"token", value}, {"expires_in", 300}})};
}

bool TestRegistry::authorized(const ServerRequest& request, const std::string& repository, ServerReply& refusal) {
  if (options_.auth == Auth::none) return true;
  const std::string header = request.header("authorization");
  refusal = error(401, "UNAUTHORIZED", "authentication required");
  if (options_.auth == Auth::basic) {
    refusal.headers.emplace_back("WWW-Authenticate", "Basic realm=\"test\"");
    return header == "Basic " + base64_encode(options_.user + ":" + options_.password);
  }
  const bool writes = request.method != "GET" && request.method != "HEAD";
  refusal.headers.emplace_back("WWW-Authenticate",
                               fmt::format(R"(Bearer realm="{}",service="test-registry",scope="repository:{}:{}")",
                                           options_.realm.empty() ? server_.url("/token") : options_.realm, repository,
                                           writes ? "pull,push" : "pull"));
  if (!header.starts_with("Bearer ")) return false;
  const auto token = tokens_.find(header.substr(7));
  if (token == tokens_.end()) return false;
  if (token->second.uses++ >= options_.token_uses) return false;
  if (repository.empty()) return true;
  const std::string wanted = "repository:" + repository + (writes ? ":pull,push" : ":pull");
  return token->second.scopes.find(wanted) != std::string::npos;
}

ServerReply TestRegistry::uploads(const ServerRequest& request, const std::string& repository,
                                  const std::string& session) {
  const auto query = parameters(request.query);
  if (request.method == "POST" && session.empty()) {
    const std::string digest = parameter(query, "mount");
    if (!digest.empty() && options_.mounts && blobs_[parameter(query, "from")].contains(digest)) {
      blobs_[repository].insert(digest);
      return {.status = 201, .headers = {{"Location", "/v2/" + repository + "/blobs/" + digest}}};
    }
    const std::string id = fmt::format("session-{}", next_++);
    sessions_[id] = {.repository = repository};
    return {.status = 202, .headers = {{"Location", "/v2/" + repository + "/blobs/uploads/" + id + "?_state=a%3D1"}}};
  }
  const auto known = sessions_.find(session);
  if (known == sessions_.end() || known->second.repository != repository) {
    complain(request.method + " to an unknown upload " + session);
    return error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
  }
  if (parameter(query, "_state") != "a=1") complain("the upload's state was lost");
  if (request.method == "DELETE") {
    sessions_.erase(known);
    return {.status = 204};
  }
  known->second.received += request.body;
  if (request.method == "PATCH") {
    if (request.header("content-type") != "application/octet-stream") complain("PATCH without its content type");
    return {.status = 202,
            .headers = {{"Location", server_.url("/v2/" + repository + "/blobs/uploads/" + session + "?_state=a%3D1")},
                        {"Range", fmt::format("0-{}", known->second.received.size() - 1)}}};
  }
  if (request.method != "PUT") {
    complain(request.method + " to an upload");
    return error(405, "UNSUPPORTED", "no");
  }
  const std::string content = known->second.received;
  sessions_.erase(known);
  const std::string digest = Digest::of(content).str();
  if (parameter(query, "digest") != digest) return error(400, "DIGEST_INVALID", "provided digest did not match");
  contents_[digest] = content;
  blobs_[repository].insert(digest);
  return {.status = 201, .headers = {{"Location", "/v2/" + repository + "/blobs/" + digest}}};
}

ServerReply TestRegistry::blobs(const ServerRequest& request, const std::string& repository,
                                const std::string& digest) {
  if (!blobs_[repository].contains(digest)) return error(404, "BLOB_UNKNOWN", "blob unknown to registry");
  const std::string& content = contents_[digest];
  if (request.method == "HEAD") return {.headers = {{"Content-Length", std::to_string(content.size())}}};
  return {.headers = {{"Content-Type", "application/octet-stream"}}, .body = content};
}

ServerReply TestRegistry::manifests(const ServerRequest& request, const std::string& repository,
                                    const std::string& reference) {
  if (request.method == "PUT") {
    const std::string type = request.header("content-type");
    const auto document = parse_json(request.body, "manifest");
    if (!document) return error(400, "MANIFEST_INVALID", "not JSON");
    if (json_string(*document, "mediaType", type) != type) complain("manifest sent as " + type);
    for (const auto& part : json_array(*document, "manifests"))
      if (!manifests_[repository].contains(json_string(part, "digest"))) {
        complain("index before its manifests");
        return error(400, "MANIFEST_BLOB_UNKNOWN", "manifest unknown to registry");
      }
    auto needed = json_array(*document, "layers");
    if (document->contains("config")) needed.push_back(json_object(*document, "config"));
    for (const auto& blob : needed)
      if (!blobs_[repository].contains(json_string(blob, "digest"))) {
        complain("manifest before its blobs");
        return error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
      }
    const std::string digest = Digest::of(request.body).str();
    manifests_[repository][reference] = {type, request.body};
    manifests_[repository][digest] = {type, request.body};
    return {.status = 201, .headers = {{"Docker-Content-Digest", digest}}};
  }
  const auto& all = manifests_[repository];
  const auto found = all.find(reference);
  if (found == all.end()) return error(404, "MANIFEST_UNKNOWN", "manifest unknown");
  if (request.header("accept").find(found->second.type) == std::string::npos)
    complain("type " + found->second.type + " not accepted");
  ServerReply reply{.headers = {{"Content-Type", found->second.type},
                                {"Docker-Content-Digest", Digest::of(found->second.text).str()}}};
  if (request.method == "HEAD")
    reply.headers.emplace_back("Content-Length", std::to_string(found->second.text.size()));
  else
    reply.body = found->second.text;
  return reply;
}

}  // namespace scangate::test
