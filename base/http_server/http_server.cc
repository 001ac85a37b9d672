// The one file that knows libmicrohttpd.
#include "base/http_server/http_server.h"

#include <microhttpd.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/text.h"

namespace scangate {
namespace {

// A client that sends nothing for this long is gone; uploads of artifacts pause while the client compresses.
constexpr unsigned kIdleSeconds = 600;
// Request line and headers together; GitLab's and git's stay below 16 kB.
constexpr std::size_t kHeadBytes = 128U << 10U;
constexpr std::size_t kBlockBytes = 64U << 10U;
constexpr int kPollMilliseconds = 100;

// One direction of a body between two threads: a socket pair is a bounded buffer that both ends can break off.
class Stream {
 public:
  Result<void> open() {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
      return fail(host_error("cannot make a socket pair", errno));
    in_ = UniqueFd(pair[0]);
    out_ = UniqueFd(pair[1]);
    return {};
  }
  // False when the reader is gone.
  bool write(Bytes bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = send(in_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return true;
  }
  // 0 at the end.
  std::size_t read(std::span<std::byte> buffer) const {
    for (;;) {
      const ssize_t count = recv(out_.get(), buffer.data(), buffer.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      return count < 0 ? 0 : static_cast<std::size_t>(count);
    }
  }
  void end_writing() const { shutdown(in_.get(), SHUT_WR); }
  void break_off() const {
    shutdown(in_.get(), SHUT_RDWR);
    shutdown(out_.get(), SHUT_RDWR);
  }

 private:
  UniqueFd in_, out_;
};

// Everything of one request. The connection's thread (libmicrohttpd's) and the handler's thread share it.
class Exchange final : public ServedReply, public ByteSource {
 public:
  ServedRequest request;

  Result<void> start(const HttpServer::Handler& handler, const Cancel& cancel) {
    SCANGATE_CHECK(upload_.open());
    SCANGATE_CHECK(download_.open());
    worker_ = std::thread([this, &handler, cancel] {
      const auto done = handler(request, *this, *this, cancel);
      if (!done) {
        bool answered = false;
        {
          const std::lock_guard lock(mutex_);
          answered = head_ready_;
          failed_ = answered;
        }
        if (!answered) {
          const std::string text = done.error().text() + "\n";
          head(502, {{"content-type", "text/plain"}}, text.size());
          static_cast<void>(download_.write(as_bytes(text)));
        }
      } else {
        head(500, {}, 0);  // for a handler that said nothing; no effect otherwise
      }
      upload_.break_off();
      download_.end_writing();
    });
    return {};
  }
  ~Exchange() override {
    upload_.break_off();
    download_.break_off();
    if (worker_.joinable()) worker_.join();
  }

  // The handler's side.
  Result<std::size_t> read(std::span<std::byte> buffer) override { return upload_.read(buffer); }
  Result<void> write(Bytes bytes) override {
    if (!download_.write(bytes)) return fail(Fault::remote, "the client is gone");
    return {};
  }
  void head(int status, std::vector<std::pair<std::string, std::string>> headers,
            std::optional<std::uint64_t> size) override {
    const std::lock_guard lock(mutex_);
    if (head_ready_) return;
    status_ = status;
    headers_ = std::move(headers);
    size_ = size;
    head_ready_ = true;
    changed_.notify_all();
  }

  // The connection's side.
  void take(std::string_view upload) const { static_cast<void>(upload_.write(as_bytes(upload))); }
  void end_upload() const { upload_.end_writing(); }
  MHD_Result answer(MHD_Connection* connection) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return head_ready_; });
    MHD_Response* response = MHD_create_response_from_callback(size_.value_or(MHD_SIZE_UNKNOWN), kBlockBytes,
                                                               &Exchange::next_block, this, nullptr);
    if (response == nullptr) return MHD_NO;
    for (const auto& [name, value] : headers_)
      MHD_add_response_header(response, name.c_str(), value.c_str());
    const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(status_), response);
    MHD_destroy_response(response);
    return queued;
  }

 private:
  static ssize_t next_block(void* user, std::uint64_t, char* buffer, std::size_t size) {
    auto& exchange = *static_cast<Exchange*>(user);
    const std::size_t count = exchange.download_.read({reinterpret_cast<std::byte*>(buffer), size});
    if (count != 0) return static_cast<ssize_t>(count);
    const std::lock_guard lock(exchange.mutex_);
    return exchange.failed_ ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
  }

  Stream upload_, download_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool head_ready_ = false;
  bool failed_ = false;
  int status_ = 500;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::optional<std::uint64_t> size_;
  std::thread worker_;
};

}  // namespace

std::string ServedRequest::header(std::string_view lower_case_name) const {
  for (auto it = headers.rbegin(); it != headers.rend(); ++it)
    if (it->first == lower_case_name) return it->second;
  return {};
}

struct HttpServer::State {
  Handler handler;
  Cancel cancel;
  MHD_Daemon* daemon = nullptr;

  // The request's target before libmicrohttpd decodes it: "%2F" in a project's path must stay what it is.
  static void* keep_target(void*, const char* uri, MHD_Connection*) {
    auto exchange = std::make_unique<Exchange>();
    exchange->request.target = uri;
    return exchange.release();
  }
  static MHD_Result keep_header(void* user, MHD_ValueKind, const char* name, const char* value) {
    static_cast<ServedRequest*>(user)->headers.emplace_back(to_lower(name), value == nullptr ? "" : value);
    return MHD_YES;
  }
  static MHD_Result serve(void* user, MHD_Connection* connection, const char*, const char* method, const char*,
                          const char* data, std::size_t* size, void** memory) {
    auto& state = *static_cast<State*>(user);
    auto* exchange = static_cast<Exchange*>(*memory);
    if (exchange == nullptr) return MHD_NO;
    if (exchange->request.method.empty()) {
      ServedRequest& request = exchange->request;
      request.method = method;
      MHD_get_connection_values(connection, MHD_HEADER_KIND, &keep_header, &request);
      const std::string length = request.header("content-length");
      std::uint64_t bytes = 0;
      if (!length.empty() && std::from_chars(length.data(), length.data() + length.size(), bytes).ec == std::errc())
        request.content_length = bytes;
      request.has_body = bytes != 0 || !request.header("transfer-encoding").empty();
      return exchange->start(state.handler, state.cancel) ? MHD_YES : MHD_NO;
    }
    if (*size != 0) {
      exchange->take({data, *size});
      *size = 0;
      return MHD_YES;
    }
    exchange->end_upload();
    return exchange->answer(connection);
  }
  static void finish(void*, MHD_Connection*, void** memory, MHD_RequestTerminationCode) {
    delete static_cast<Exchange*>(*memory);
    *memory = nullptr;
  }
};

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::start(UniqueFd listener, Handler handler) {
  auto state = std::make_unique<State>();
  state->handler = std::move(handler);
  state->daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC, 0, nullptr, nullptr,
      &State::serve, state.get(), MHD_OPTION_LISTEN_SOCKET, listener.get(), MHD_OPTION_URI_LOG_CALLBACK,
      &State::keep_target, nullptr, MHD_OPTION_NOTIFY_COMPLETED, &State::finish, nullptr, MHD_OPTION_CONNECTION_LIMIT,
      kMaxServedConnections, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      kHeadBytes, MHD_OPTION_END);
  if (state->daemon == nullptr) return fail(Fault::host, "cannot start the HTTP server");
  static_cast<void>(listener.release());  // the daemon closes it
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::~HttpServer() {
  state_->cancel.cancel();
  MHD_stop_daemon(state_->daemon);
}

}  // namespace scangate
