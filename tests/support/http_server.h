#pragma once
// A strict HTTP/1.1 server on loopback for client tests: refuses what a proper client would not send, and can be told
// to misbehave. RFC 9112.
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace scangate::test {

struct ServerRequest {
  std::string method;
  std::string path;                            // without the query
  std::string query;                           // without "?"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  int connection = 0;  // number of the connection it came on, from 1
  std::string header(const std::string& lower_case_name) const {
    const auto it = headers.find(lower_case_name);
    return it == headers.end() ? "" : it->second;
  }
};

struct ServerReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool chunked = false;
  // Sends only this many bytes of the body and closes the connection.
  long cut_body_at = -1;
  // Closes without any reply.
  bool hang_up = false;
  // Closes the connection without having said so, as after an idle time.
  bool close_after = false;
  // Sends the head and then nothing more until the server ends.
  bool stall = false;
};

class HttpServer {
 public:
  using Handler = std::function<ServerReply(const ServerRequest&)>;
  // Listens on 127.0.0.1 at a free port; handlers run on one thread a connection.
  explicit HttpServer(Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  int port() const { return port_; }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(const std::string& path = "/") const { return "http://" + host() + path; }
  std::vector<ServerRequest> requests() const;
  int connections() const { return connections_; }
  // What clients did wrong; must be empty at the end of a test.
  std::vector<std::string> complaints() const;

 private:
  void serve(UniqueFd fd, int number);
  bool answer(int fd, std::string& buffer, int number);
  void complain(const std::string& what);

  Handler handler_;
  UniqueFd listener_;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  std::vector<ServerRequest> requests_;
  std::vector<std::string> complaints_;
  std::vector<int> open_fds_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace scangate::test
