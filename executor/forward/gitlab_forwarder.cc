#include "executor/forward/gitlab_forwarder.h"

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "base/text.h"
#include "executor/forward/concealing_sink.h"
#include "executor/forward/forward_rules.h"
#include "executor/forward/trigger_token.h"

namespace scangate {
namespace {

// Trigger requests are small forms; their body is the only one that is held in memory.
constexpr std::uint64_t kMaxTriggerBytes = 1U << 20U;
constexpr std::string_view kGateHeader = "x-scangate";

// RFC 9110 section 7.6.1, and what the two sides negotiate for themselves. Without Accept-Encoding replies come plain,
// so that they can be read.
bool is_hop_by_hop(std::string_view name) {
  static constexpr std::array<std::string_view, 13> kNames = {"connection",
                                                              "keep-alive",
                                                              "proxy-connection",
                                                              "proxy-authenticate",
                                                              "proxy-authorization",
                                                              "te",
                                                              "trailer",
                                                              "transfer-encoding",
                                                              "upgrade",
                                                              "host",
                                                              "content-length",
                                                              "accept-encoding",
                                                              "expect"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string revealed_authorization(const std::string& value, const Broker& broker, std::string_view host) {
  const std::size_t space = value.find(' ');
  if (to_lower(value.substr(0, space)) == "basic" && space != std::string::npos) {
    const auto text = base64_decode(trim(std::string_view(value).substr(space + 1)));
    if (!text) return value;
    return "Basic " + base64_encode(broker.reveal(*text, host));
  }
  return broker.reveal(value, host);
}

bool is_credential_header(std::string_view name) {
  return name == "job-token" || name == "private-token" || name == "deploy-token" ||
         name == "x-gitlab-static-object-token";
}

// "…?a=b&job_token=PLACEHOLDER": the parameters GitLab reads tokens from, and no other.
std::string revealed_target(const std::string& target, const Broker& broker, std::string_view host) {
  const std::size_t question = target.find('?');
  if (question == std::string::npos) return target;
  std::string out = target.substr(0, question);
  char separator = '?';
  for (const auto& parameter : split(std::string_view(target).substr(question + 1), '&')) {
    out += separator;
    separator = '&';
    const std::string name = parameter.substr(0, parameter.find('='));
    out += name == "job_token" || name == "private_token" || name == "access_token" ? broker.reveal(parameter, host)
                                                                                    : parameter;
  }
  return out;
}

bool is_text(std::string_view content_type) {
  const std::string type = to_lower(content_type.substr(0, content_type.find(';')));
  return type.starts_with("text/") || type.ends_with("json") || type.ends_with("xml") || type.ends_with("javascript") ||
         type.ends_with("x-www-form-urlencoded");
}

std::optional<std::uint64_t> length_of(const HttpReply& reply) {
  const std::string text = reply.header("content-length");
  std::uint64_t bytes = 0;
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  for (const char c : text)
    bytes = bytes * 10 + static_cast<std::uint64_t>(c - '0');
  return bytes;
}

// The body of one reply, once its head is known: concealed when it is text.
class ReplyBody final : public ByteSink {
 public:
  ReplyBody(const Broker& broker, ServedReply& reply) : concealed_(broker, reply), reply_(reply) {}
  void set_text(bool text) { text_ = text; }
  Result<void> write(Bytes bytes) override { return text_ ? concealed_.write(bytes) : reply_.write(bytes); }
  Result<void> finish() { return text_ ? concealed_.finish() : Result<void>(); }

 private:
  ConcealingSink concealed_;
  ServedReply& reply_;
  bool text_ = false;
};

// Gives a body once: what came from the job cannot be asked for again.
class JobBody final : public ByteSource {
 public:
  explicit JobBody(ByteSource& source) : source_(source) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override { return source_.read(buffer); }

 private:
  ByteSource& source_;
};

}  // namespace

struct GitLabForwarder::State {
  ForwarderTarget target;
  std::string origin;  // of target.place(): "https://gitlab.example"
  std::string local;   // "http://127.0.0.1:4711"
  std::string url;
  std::shared_ptr<const Broker> broker;
  std::shared_ptr<HttpTransport> transport;
  std::unique_ptr<HttpServer> server;

  Result<void> serve(const ServedRequest& request, ByteSource& body, ServedReply& reply, const Cancel& cancel) const {
    const std::string& host = target.server.host;
    if (const auto why = why_not_forwarded(request.method, request.target, target.server.root)) {
      const std::string text = "scangate: not forwarded to GitLab: " + *why + "\n";
      reply.head(403, {{"content-type", "text/plain"}, {std::string(kGateHeader), "refused"}}, text.size());
      return reply.write(as_bytes(text));
    }
    HttpRequest up{.method = request.method,
                   .url = origin + revealed_target(request.target, *broker, host),
                   .plain_http = target.place().scheme == "http",
                   .verify_certificates = target.verify_certificates,
                   .ca_file = target.ca_file,
                   .stall_timeout = std::chrono::seconds(600)};
    for (const auto& [name, value] : request.headers) {
      if (is_hop_by_hop(name)) continue;
      if (name == "authorization")
        up.headers.emplace_back(name, revealed_authorization(value, *broker, host));
      else
        up.headers.emplace_back(name, is_credential_header(name) ? broker->reveal(value, host) : value);
    }
    if (request.has_body) SCANGATE_CHECK(take_body(request, body, up));

    ReplyBody out(*broker, reply);
    up.on_head = [&](const HttpReply& head) {
      const bool text = is_text(head.header("content-type"));
      out.set_text(text);
      std::vector<std::pair<std::string, std::string>> headers;
      for (const auto& [name, value] : head.headers) {
        if (is_hop_by_hop(name)) continue;
        headers.emplace_back(name, name == "location" ? local_location(value) : broker->conceal(value));
      }
      const bool bodyless = request.method == "HEAD" || head.status == 204 || head.status == 304;
      // Concealing may change the length.
      reply.head(head.status, std::move(headers),
                 bodyless ? std::optional<std::uint64_t>(0)
                 : text   ? std::nullopt
                          : length_of(head));
    };
    SCANGATE_CHECK(transport->send(up, out, cancel));
    return out.finish();
  }

  Result<void> take_body(const ServedRequest& request, ByteSource& body, HttpRequest& up) const {
    if (takes_trigger_token(request.method, request.target, target.server.root)) {
      SCANGATE_TRY(const std::string text, read_all(body, kMaxTriggerBytes));
      up.body = reveal_trigger_token(request.header("content-type"), text, *broker, target.server.host);
      return {};
    }
    up.body_size = request.content_length.value_or(0);
    up.chunked = !request.content_length;
    auto given = std::make_shared<bool>(false);
    up.open_body = [&body, given]() -> Result<std::unique_ptr<ByteSource>> {
      if (std::exchange(*given, true))
        return fail(Fault::remote, "GitLab broke the connection off in the middle of an upload");
      return std::make_unique<JobBody>(body);
    };
    return {};
  }

  // A redirect to GitLab itself comes back through here; one to an object store is the client's own affair.
  std::string local_location(const std::string& location) const {
    for (const std::string& known : {origin, target.server.scheme + "://" + target.server.host})
      if (location.starts_with(known + "/")) return local + broker->conceal(location.substr(known.size()));
    return broker->conceal(location);
  }
};

GitLabForwarder::GitLabForwarder(std::unique_ptr<State> state) : state_(std::move(state)) {}
GitLabForwarder::~GitLabForwarder() = default;

const std::string& GitLabForwarder::url() const {
  return state_->url;
}

Result<std::unique_ptr<GitLabForwarder>> GitLabForwarder::start(LoopbackListener listener, ForwarderTarget target,
                                                                std::shared_ptr<const Broker> broker,
                                                                std::shared_ptr<HttpTransport> transport) {
  auto state = std::make_unique<State>();
  state->origin = target.place().scheme + "://" + target.place().host;
  state->local = fmt::format("http://127.0.0.1:{}", listener.port);
  state->url = state->local + target.server.root;
  state->target = std::move(target);
  state->broker = std::move(broker);
  state->transport = std::move(transport);
  const State* raw = state.get();
  SCANGATE_TRY(state->server,
               HttpServer::start(std::move(listener.socket),
                                 [raw](const ServedRequest& request, ByteSource& body, ServedReply& reply,
                                       const Cancel& cancel) { return raw->serve(request, body, reply, cancel); }));
  return std::unique_ptr<GitLabForwarder>(new GitLabForwarder(std::move(state)));
}

}  // namespace scangate
