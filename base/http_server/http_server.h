#pragma once
// An HTTP/1.1 server on a socket the caller listens at; libmicrohttpd behind it. Bodies stream both ways. RFC 9110,
// 9112.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"

namespace scangate {

// As it arrived: everything in it is hostile.
struct ServedRequest {
  std::string method;
  std::string target;                                        // path and query, not decoded: "/a%2Fb?c=d"
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in order
  std::optional<std::uint64_t> content_length;
  bool has_body = false;  // a length above 0, or chunks
  std::string header(std::string_view lower_case_name) const;
};

// The answer of one exchange: head() once, then write() as often as needed. Used by the handler's thread alone.
class ServedReply : public ByteSink {
 public:
  // Content-Length and Transfer-Encoding are the server's own: `size` when it is known.
  virtual void head(int status, std::vector<std::pair<std::string, std::string>> headers,
                    std::optional<std::uint64_t> size) = 0;
};

// Most exchanges at a time; further connections wait in the listen queue.
inline constexpr unsigned kMaxServedConnections = 64;

class HttpServer {
 public:
  // Runs on a thread of its own for each request. An Error before head() is answered with 502 and its text; after it,
  // the connection is broken off, so that a client cannot take half a body for a whole one. `cancel` is set when the
  // server stops.
  using Handler = std::function<Result<void>(const ServedRequest& request, ByteSource& body, ServedReply& reply,
                                             const Cancel& cancel)>;

  // Takes over a listening TCP socket. Errors: Fault::host.
  static Result<std::unique_ptr<HttpServer>> start(UniqueFd listener, Handler handler);
  // Cancels what runs and waits for it.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace scangate
