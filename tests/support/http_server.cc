#include "tests/support/http_server.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/loopback.h"
#include "base/text.h"

namespace scangate::test {
namespace {

constexpr std::size_t kMaxHead = 1U << 20U;

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// Reads more into `buffer`; false at the end.
bool receive(int fd, std::string& buffer) {
  std::array<char, 65536> piece{};
  const ssize_t count = ::recv(fd, piece.data(), piece.size(), 0);
  if (count <= 0) return false;
  buffer.append(piece.data(), static_cast<std::size_t>(count));
  return true;
}

std::string reason(int status) {
  return status < 300 ? "Fine" : status < 400 ? "Elsewhere" : "Failed";
}

}  // namespace

HttpServer::HttpServer(Handler handler) : handler_(std::move(handler)) {
  auto listener = listen_on_loopback();
  if (!listener) throw std::runtime_error(listener.error().text());
  listener_ = std::move(listener->socket);
  port_ = listener->port;
  acceptor_ = std::thread([this] {
    for (;;) {
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd || ending_) return;
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const int number = ++connections_;
      const std::lock_guard lock(mutex_);
      open_fds_.push_back(fd.get());
      threads_.emplace_back([this, number, owned = std::move(fd)]() mutable { serve(std::move(owned), number); });
    }
  });
}

HttpServer::~HttpServer() {
  ending_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_fds_)
      ::shutdown(fd, SHUT_RDWR);
  }
  for (auto& thread : threads_)
    thread.join();
}

std::vector<ServerRequest> HttpServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::vector<std::string> HttpServer::complaints() const {
  const std::lock_guard lock(mutex_);
  return complaints_;
}

void HttpServer::complain(const std::string& what) {
  const std::lock_guard lock(mutex_);
  complaints_.push_back(what);
}

void HttpServer::serve(UniqueFd fd, int number) {
  std::string buffer;
  while (!ending_ && answer(fd.get(), buffer, number)) {
  }
  const std::lock_guard lock(mutex_);
  std::erase(open_fds_, fd.get());
  fd.reset();  // within the lock: the number may be taken again at once
}

bool HttpServer::answer(int fd, std::string& buffer, int number) {
  std::size_t end = 0;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (buffer.size() > kMaxHead || !receive(fd, buffer)) return false;
  }
  ServerRequest request;
  request.connection = number;
  const auto lines = split(buffer.substr(0, end), '\n');
  buffer.erase(0, end + 4);
  const auto words = split(std::string(trim(lines[0])), ' ');
  if (words.size() != 3 || words[2] != "HTTP/1.1" || !words[1].starts_with('/')) {
    complain("request line '" + std::string(trim(lines[0])) + "'");
    return false;
  }
  request.method = words[0];
  const std::size_t mark = words[1].find('?');
  request.path = words[1].substr(0, mark);
  if (mark != std::string::npos) request.query = words[1].substr(mark + 1);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t colon = lines[i].find(':');
    if (colon == std::string::npos) {
      complain("header line '" + lines[i] + "'");
      return false;
    }
    const std::string name = to_lower(lines[i].substr(0, colon));
    if (request.headers.contains(name)) complain("header '" + name + "' twice");
    request.headers[name] = trim(std::string_view(lines[i]).substr(colon + 1));
  }
  if (!request.headers.contains("host")) complain("no Host header");
  const bool sends_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  std::size_t length = 0;
  if (request.headers.contains("content-length"))
    length = std::stoul(request.headers["content-length"]);
  else if (sends_body)
    complain(request.method + " without Content-Length");
  if (request.header("expect") == "100-continue" && !send_all(fd, "HTTP/1.1 100 Continue\r\n\r\n")) return false;
  while (buffer.size() < length)
    if (!receive(fd, buffer)) {
      complain("connection closed within a body");
      return false;
    }
  request.body = buffer.substr(0, length);
  buffer.erase(0, length);
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const ServerReply reply = handler_(request);
  if (reply.hang_up) return false;
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " " + reason(reply.status) + "\r\n";
  for (const auto& [name, value] : reply.headers)
    head += name + ": " + value + "\r\n";
  const bool has_length = std::any_of(reply.headers.begin(), reply.headers.end(),
                                      [](const auto& h) { return h.first == "Content-Length"; });
  if (reply.chunked)
    head += "Transfer-Encoding: chunked\r\n";
  else if (!has_length && reply.status != 204)
    head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  head += "\r\n";
  if (!send_all(fd, head)) return false;
  if (reply.stall) {
    pollfd wait{fd, POLLIN | POLLRDHUP, 0};
    while (!ending_ && poll(&wait, 1, 50) == 0) {
    }
    return false;
  }
  if (request.method == "HEAD") return true;
  if (reply.cut_body_at >= 0) {
    send_all(fd, std::string_view(reply.body).substr(0, static_cast<std::size_t>(reply.cut_body_at)));
    return false;
  }
  if (!reply.chunked) return send_all(fd, reply.body) && !reply.close_after;
  for (std::size_t at = 0; at < reply.body.size(); at += 1000) {
    const std::string piece = reply.body.substr(at, 1000);
    if (!send_all(fd, fmt::format("{:x}\r\n", piece.size()) + piece + "\r\n")) return false;
  }
  return send_all(fd, "0\r\n\r\n");
}

}  // namespace scangate::test
