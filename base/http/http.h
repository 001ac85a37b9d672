#pragma once
// HTTP as one seam; libcurl behind it. RFC 9110, 9112.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"

namespace scangate {

struct HttpReply;

// Signs a request as AWS asks: Signature Version 4 (AWS General Reference, "Signing AWS API requests"). The keys are
// secrets: never print them.
struct AwsSignature {
  std::string region;   // "eu-west-1"
  std::string service;  // "ecr"
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty: none
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  // Body: either text, or a stream of exactly `body_size` bytes that can be opened again for a retry or a redirect.
  std::string body;
  std::function<Result<std::unique_ptr<ByteSource>>()> open_body;
  std::uint64_t body_size = 0;
  bool chunked = false;  // `open_body` gives a stream of unknown length: sent in chunks, RFC 9112 section 7.1
  // The URL has no query: libcurl 7.88 does not sort its parameters, and the signature would be wrong. No redirects.
  std::optional<AwsSignature> aws_signature;
  bool follow_redirects = false;  // Authorization is dropped when the host, scheme or port changes
  bool plain_http = false;        // allow http:// (else https only)
  bool verify_certificates = true;
  std::filesystem::path ca_file;                    // in addition to the system's certificates
  std::chrono::seconds stall_timeout{60};           // no bytes for this long: broken
  std::optional<std::chrono::seconds> timeout;      // of the whole exchange
  std::uint64_t max_reply_bytes = UINT64_MAX;       // more is an Error
  std::function<void(std::uint64_t sent)> on_sent;  // progress of the body
  // The last reply's status and headers before its body comes, so that an error's text need not go where a blob goes.
  std::function<void(const HttpReply&)> on_head;
};

struct HttpReply {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;    // names in lower case, in order
  std::string url;                                             // after redirects
  std::string header(std::string_view lower_case_name) const;  // the last one, empty when absent
};

class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  // Sends once, no retry. `body` receives decoded bytes in order; its Error stops the transfer and is returned.
  // Errors: Fault::remote (worth_retrying) for no answer or a broken stream; an HTTP 4xx/5xx is a reply, not an Error.
  // Thread-safe.
  virtual Result<HttpReply> send(const HttpRequest& request, ByteSink& body, const Cancel& cancel) = 0;
};

// Makes the socket of a connection, as socket(2): in another network namespace.
using OpenSocket = std::function<Result<UniqueFd>(int family, int type, int protocol)>;

// libcurl: connections are kept and reused. Proxies as http_proxy, https_proxy, no_proxy of `environment` say
// ("NAME=value" strings), and from nowhere else. Names are looked up from our own network even with `open_socket`.
std::shared_ptr<HttpTransport> make_curl_transport(const std::vector<std::string>& environment,
                                                   OpenSocket open_socket = {});

// Percent-encodes everything but RFC 3986 unreserved characters.
std::string url_encode(std::string_view text);

}  // namespace scangate
