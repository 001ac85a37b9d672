// The one file that knows libcurl.
#include <curl/curl.h>

#include <algorithm>
#include <mutex>

#include "base/http/http.h"
#include "base/http/proxies.h"
#include "base/text.h"

namespace scangate {
namespace {

// Storage back ends of registries redirect once or twice; browsers stop at 20.
constexpr int kMaxRedirects = 10;
// Real replies stay below 16 kB of headers; this bounds what a hostile server can make us keep.
constexpr std::size_t kMaxHeaderBytes = 256U << 10U;
constexpr long kConnectTimeoutSeconds = 30;
constexpr int kPollMilliseconds = 100;
// Idle connections beyond this are closed: more transfers at once than this are not made.
constexpr std::size_t kMaxIdleSessions = 16;
constexpr long kReceiveBufferBytes = 256L << 10;
constexpr long kSendBufferBytes = 512L << 10;

template <auto Release>
struct ReleaseWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    static_cast<void>(Release(handle));
  }
};

// CURL, CURLM and CURLU are void or opaque in libcurl 7.88: classes, so that a swap does not compile.
class CurlEasy {
 public:
  // The first one sets the library up, under a lock (libcurl-thread(3)): 5 ms that programs without requests spare.
  CurlEasy() : handle_(curl_easy_init()) {}
  CURL* get() const { return handle_.get(); }

 private:
  std::unique_ptr<CURL, ReleaseWith<curl_easy_cleanup>> handle_;
};

class CurlMulti {
 public:
  CurlMulti() : handle_(curl_multi_init()) {}
  CURLM* get() const { return handle_.get(); }

 private:
  std::unique_ptr<CURLM, ReleaseWith<curl_multi_cleanup>> handle_;
};

class CurlUrl {
 public:
  CurlUrl() : handle_(curl_url()) {}
  bool set(const std::string& url) { return curl_url_set(handle_.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK; }
  std::string part(CURLUPart which, unsigned flags = 0) const {
    char* text = nullptr;
    if (curl_url_get(handle_.get(), which, &text, flags) != CURLUE_OK) return {};
    std::string out = text;
    curl_free(text);
    return out;
  }
  std::string scheme() const { return part(CURLUPART_SCHEME); }
  std::string origin() const {
    return to_lower(scheme() + "://" + part(CURLUPART_HOST) + ":" + part(CURLUPART_PORT, CURLU_DEFAULT_PORT));
  }

 private:
  std::unique_ptr<CURLU, ReleaseWith<curl_url_cleanup>> handle_;
};

// A multi handle of its own per transfer: it holds the connections, and its poll can be left to look at Cancel.
struct Session {
  CurlMulti multi;
  CurlEasy easy;
};

class HeaderList {
 public:
  void add(const std::string& line) { list_.reset(curl_slist_append(list_.release(), line.c_str())); }
  curl_slist* get() const { return list_.get(); }

 private:
  std::unique_ptr<curl_slist, ReleaseWith<curl_slist_free_all>> list_;
};

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// One exchange: what the callbacks need.
struct Exchange {
  const HttpRequest* request = nullptr;
  ByteSink* body = nullptr;
  HttpReply reply;
  std::size_t header_bytes = 0;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::unique_ptr<ByteSource> source;
  std::optional<Error> error;  // of a callback
  bool redirects = false;      // the reply's body is not for the caller

  Result<void> open() {
    if (request->open_body) {
      SCANGATE_TRY(source, request->open_body());
    }
    sent = 0;
    return {};
  }
};

std::size_t on_header(const char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size * count);
  exchange.header_bytes += line.size();
  if (exchange.header_bytes > kMaxHeaderBytes) {
    exchange.error =
        Error(Fault::remote, fmt::format("the reply has more than {} of headers", human_bytes(kMaxHeaderBytes)));
    return 0;
  }
  if (line.starts_with("HTTP/")) {  // a new reply, after "100 Continue" or a proxy's answer to CONNECT
    exchange.reply.headers.clear();
    const std::size_t space = line.find(' ');
    exchange.reply.status =
        space == std::string_view::npos ? 0 : std::atoi(std::string(line.substr(space + 1, 3)).c_str());
    return line.size();
  }
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos)
    exchange.reply.headers.emplace_back(to_lower(trim(line.substr(0, colon))), trim(line.substr(colon + 1)));
  else if (trim(line).empty()) {
    exchange.redirects = exchange.request->follow_redirects && is_redirect(exchange.reply.status) &&
                         !exchange.reply.header("location").empty();
    if (exchange.reply.status >= 200 && !exchange.redirects && exchange.request->on_head)
      exchange.request->on_head(exchange.reply);
  }
  return line.size();
}

std::size_t on_body(const char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::size_t bytes = size * count;
  exchange.received += bytes;
  if (exchange.received > exchange.request->max_reply_bytes) {
    exchange.error = Error(Fault::remote,
                           fmt::format("the reply is larger than {}", human_bytes(exchange.request->max_reply_bytes)));
    return 0;
  }
  if (exchange.redirects) return bytes;
  if (auto written = exchange.body->write(as_bytes({data, bytes})); !written) {
    exchange.error = std::move(written).error();
    return 0;
  }
  return bytes;
}

std::size_t on_send(char* buffer, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const bool chunked = exchange.request->chunked;
  const std::uint64_t left = chunked ? UINT64_MAX : exchange.request->body_size - exchange.sent;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size * count, left));
  if (wanted == 0) return 0;
  auto got = exchange.source->read({reinterpret_cast<std::byte*>(buffer), wanted});
  if (!got) {
    exchange.error = std::move(got).error();
    return CURL_READFUNC_ABORT;
  }
  if (*got == 0 && !chunked) {
    exchange.error = Error(Fault::host, fmt::format("what is to be sent ended after {} of {} bytes", exchange.sent,
                                                    exchange.request->body_size));
    return CURL_READFUNC_ABORT;
  }
  exchange.sent += *got;
  if (exchange.request->on_sent) exchange.request->on_sent(exchange.sent);
  return *got;
}

// libcurl rewinds when a kept connection turns out to be closed, and when a server asks for authentication.
int on_seek(void* user, curl_off_t offset, int origin) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (origin != SEEK_SET || offset != 0) return CURL_SEEKFUNC_CANTSEEK;
  if (auto opened = exchange.open(); !opened) {
    exchange.error = std::move(opened).error();
    return CURL_SEEKFUNC_FAIL;
  }
  return CURL_SEEKFUNC_OK;
}

bool is_certificate_error(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_ISSUER_ERROR;
}

Error transport_error(CURLcode code, const char* detail, const std::string& url, bool plain_http) {
  std::string text(trim(detail));
  if (text.empty()) text = curl_easy_strerror(code);
  auto error = Error(Fault::remote, redact(printable(text))).at(redact(url));
  if (is_certificate_error(code))
    return std::move(error).remedy("add the certificate of its CA to this host's settings");
  // The code also stands for an answer that is no HTTP at all (left-over bytes of a server that broke off): only the
  // URL tells the two apart.
  if (code == CURLE_UNSUPPORTED_PROTOCOL && !url.starts_with("https:") && !(plain_http && url.starts_with("http:")))
    return Error(Fault::user, "only https is allowed here").at(redact(url)).remedy("allow plain http for this host");
  if (code == CURLE_URL_MALFORMAT) return Error(Fault::user, "this is not a URL").at(redact(url));
  return std::move(error).worth_retrying();
}

curl_socket_t on_open_socket(void* data, curlsocktype /*purpose*/, curl_sockaddr* address) {
  const auto& open_socket = *static_cast<const OpenSocket*>(data);
  auto made = open_socket(address->family, address->socktype, address->protocol);
  return made ? made->release() : CURL_SOCKET_BAD;
}

bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

class CurlTransport final : public HttpTransport {
 public:
  CurlTransport(const std::vector<std::string>& environment, OpenSocket open_socket)
      : proxies_(environment), open_socket_(std::move(open_socket)) {}

  Result<HttpReply> send(const HttpRequest& request, ByteSink& body, const Cancel& cancel) override {
    if (has_line_break(request.url)) return fail(Fault::user, "a URL holds a line break");
    for (const auto& [name, value] : request.headers)
      if (has_line_break(name) || has_line_break(value))
        return fail(Fault::user, fmt::format("the header '{}' holds a line break", printable(name)));
    if (request.aws_signature) {
      if (request.url.find('?') != std::string::npos || request.follow_redirects)
        return fail(Fault::user, "a signed request has no query and follows no redirects");
      const AwsSignature& keys = *request.aws_signature;
      for (const std::string* part :
           {&keys.region, &keys.service, &keys.access_key, &keys.secret_key, &keys.session_token})
        if (has_line_break(*part)) return fail(Fault::user, "a key of AWS holds a line break");
    }

    HttpRequest current = request;
    for (int redirects = 0;; ++redirects) {
      SCANGATE_TRY(HttpReply reply, send_once(current, body, cancel));
      if (!request.follow_redirects || !is_redirect(reply.status)) return reply;
      const std::string location = reply.header("location");
      if (location.empty()) return reply;
      if (redirects == kMaxRedirects)
        return fail(Error(Fault::remote, fmt::format("more than {} redirects", kMaxRedirects)).at(redact(request.url)));
      SCANGATE_CHECK(follow(current, location, reply.status));
    }
  }

 private:
  // Turns `current` into the request for the new place.
  static Result<void> follow(HttpRequest& current, const std::string& location, int status) {
    CurlUrl url;
    url.set(current.url);
    const std::string before = url.origin();
    const std::string scheme_before = url.scheme();
    if (has_line_break(location) || !url.set(location))
      return fail(Error(Fault::remote, fmt::format("redirect to '{}', which is not a URL", redact(printable(location))))
                      .at(redact(current.url)));
    if (scheme_before == "https" && url.scheme() != "https")
      return fail(Error(Fault::remote, fmt::format("redirect from https to {}", url.scheme())).at(redact(current.url)));
    current.url = url.part(CURLUPART_URL);
    if (url.origin() != before) {
      // RFC 9110 section 15.4: what was meant for the first host is not for another.
      std::erase_if(current.headers, [](const auto& header) {
        const std::string name = to_lower(header.first);
        return name == "authorization" || name == "cookie" || name == "proxy-authorization" ||
               name.find("token") != std::string::npos;
      });
    }
    const bool as_get = status == 303 || ((status == 301 || status == 302) && current.method == "POST");
    if (as_get && current.method != "HEAD") {
      current.method = "GET";
      current.body.clear();
      current.open_body = nullptr;
      current.body_size = 0;
      current.chunked = false;
    }
    return {};
  }

  Result<HttpReply> send_once(const HttpRequest& request, ByteSink& body, const Cancel& cancel) {
    auto session = take_session();
    if (session->multi.get() == nullptr || session->easy.get() == nullptr)
      return fail(Fault::host, "libcurl cannot be started");
    CURL* easy = session->easy.get();
    curl_easy_reset(easy);
    Exchange exchange;
    exchange.request = &request;
    exchange.body = &body;
    HeaderList headers;
    char detail[CURL_ERROR_SIZE] = {};
    SCANGATE_CHECK(exchange.open());
    set_options(easy, request, exchange, headers, detail);

    if (const CURLMcode added = curl_multi_add_handle(session->multi.get(), easy); added != CURLM_OK)
      return fail(Fault::host, curl_multi_strerror(added));
    const Result<CURLcode> done = perform(session->multi.get(), cancel);
    curl_multi_remove_handle(session->multi.get(), easy);
    if (!done) return fail(done.error());  // the session is dropped, and with it the broken connection
    if (exchange.error) return fail(std::move(*exchange.error).at(redact(request.url)));
    if (*done == CURLE_FILESIZE_EXCEEDED)
      return fail(Error(Fault::remote, fmt::format("the reply is larger than {}", human_bytes(request.max_reply_bytes)))
                      .at(redact(request.url)));
    if (*done != CURLE_OK) return fail(transport_error(*done, detail, request.url, request.plain_http));
    exchange.reply.url = request.url;
    give_back(std::move(session));
    return std::move(exchange.reply);
  }

  static Result<CURLcode> perform(CURLM* multi, const Cancel& cancel) {
    for (;;) {
      int running = 0;
      if (const CURLMcode code = curl_multi_perform(multi, &running); code != CURLM_OK)
        return fail(Fault::host, curl_multi_strerror(code));
      int queued = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi, &queued))
        if (message->msg == CURLMSG_DONE) return message->data.result;
      if (running == 0) return CURLE_OK;
      if (cancel.cancelled()) return fail(cancelled_error());
      curl_multi_poll(multi, nullptr, 0, kPollMilliseconds, nullptr);
    }
  }

  void set_options(CURL* easy, const HttpRequest& request, Exchange& exchange, HeaderList& headers,
                   char* detail) const {
    const auto set = [easy](CURLoption option, auto value) { curl_easy_setopt(easy, option, value); };
    set(CURLOPT_ERRORBUFFER, detail);
    if (open_socket_) {
      set(CURLOPT_OPENSOCKETFUNCTION, &on_open_socket);
      set(CURLOPT_OPENSOCKETDATA, const_cast<OpenSocket*>(&open_socket_));
    }
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, request.plain_http ? "http,https" : "https");
    set(CURLOPT_FOLLOWLOCATION, 0L);  // ours: see follow()
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    // Uploads over HTTP/2 stalled in this version (curl issue 10433), and one connection a blob has more bandwidth.
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
    set(CURLOPT_UPLOAD_BUFFERSIZE, kSendBufferBytes);
    const auto stall = static_cast<long>(request.stall_timeout.count());
    set(CURLOPT_CONNECTTIMEOUT, std::min(kConnectTimeoutSeconds, std::max(stall, 1L)));
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, stall);
    if (request.timeout)
      set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::chrono::milliseconds(*request.timeout).count()));
    if (!request.verify_certificates) {
      set(CURLOPT_SSL_VERIFYPEER, 0L);
      set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    // The folder of the system's certificates stays, so the file adds to them.
    if (!request.ca_file.empty()) set(CURLOPT_CAINFO, request.ca_file.c_str());
    CurlUrl url;
    url.set(request.url);
    set(CURLOPT_PROXY, proxies_.for_scheme(url.scheme()).c_str());  // "" also keeps libcurl from the environment
    set(CURLOPT_NOPROXY, proxies_.exceptions().c_str());
    if (request.max_reply_bytes < static_cast<std::uint64_t>(INT64_MAX) && request.method != "HEAD")
      set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.max_reply_bytes));
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, &exchange);
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, &exchange);
    set_method(easy, request, exchange);

    bool has_type = false;
    for (const auto& [name, value] : request.headers) {
      has_type = has_type || to_lower(name) == "content-type";
      headers.add(value.empty() ? name + ";" : name + ": " + value);
    }
    if (!has_type) headers.add("Content-Type:");  // else libcurl says "form" for every POST
    if (request.aws_signature) sign(easy, *request.aws_signature, headers);
    set(CURLOPT_HTTPHEADER, headers.get());
  }

  static void sign(CURL* easy, const AwsSignature& keys, HeaderList& headers) {
    // PROVIDER1:PROVIDER2:REGION:SERVICE; libcurl hashes the body that POSTFIELDS holds, and signs every header.
    const std::string how = fmt::format("aws:amz:{}:{}", keys.region, keys.service);
    curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, how.c_str());
    curl_easy_setopt(easy, CURLOPT_USERNAME, keys.access_key.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, keys.secret_key.c_str());
    if (!keys.session_token.empty()) headers.add("X-Amz-Security-Token: " + keys.session_token);
  }

  static void set_method(CURL* easy, const HttpRequest& request, Exchange& exchange) {
    const auto set = [easy](CURLoption option, auto value) { curl_easy_setopt(easy, option, value); };
    if (request.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
      return;
    }
    if (exchange.source) {
      set(CURLOPT_UPLOAD, 1L);
      set(CURLOPT_INFILESIZE_LARGE, request.chunked ? curl_off_t{-1} : static_cast<curl_off_t>(request.body_size));
      set(CURLOPT_READFUNCTION, &on_send);
      set(CURLOPT_READDATA, &exchange);
      set(CURLOPT_SEEKFUNCTION, &on_seek);
      set(CURLOPT_SEEKDATA, &exchange);
    } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
               request.method == "PATCH") {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.c_str());
    }
    if (request.method != "GET" || exchange.source || !request.body.empty())
      set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  std::unique_ptr<Session> take_session() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Session>();
    auto out = std::move(idle_.back());
    idle_.pop_back();
    return out;
  }
  void give_back(std::unique_ptr<Session> session) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMaxIdleSessions) idle_.push_back(std::move(session));
  }

  Proxies proxies_;
  OpenSocket open_socket_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_;
};

}  // namespace

std::shared_ptr<HttpTransport> make_curl_transport(const std::vector<std::string>& environment,
                                                   OpenSocket open_socket) {
  return std::make_shared<CurlTransport>(environment, std::move(open_socket));
}

}  // namespace scangate
