#include "pipeline/registry/client.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <thread>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/registry/reply_error.h"

namespace scangate {
namespace {

// The largest document we keep: a manifest, or a page of tags.
constexpr std::size_t kMaxKeptBytes = 8U << 20U;
constexpr std::chrono::milliseconds kLongestWait{30'000};
// A server that wants us away for longer is treated as down.
constexpr std::chrono::milliseconds kLongestRetryAfter{120'000};

// Gives a body to one of two places, once it is known what it is.
class Switch final : public ByteSink {
 public:
  Switch(ByteSink& first, ByteSink* second) : first_(first), second_(second) {}
  void use_second() { use_second_ = second_ != nullptr; }
  Result<void> write(Bytes bytes) override { return use_second_ ? second_->write(bytes) : first_.write(bytes); }

 private:
  ByteSink& first_;
  ByteSink* second_;
  bool use_second_ = false;
};

// Seconds, or nothing for a date: clocks differ, and registries send seconds. RFC 9110 section 10.2.3.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text) {
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::chrono::milliseconds(std::chrono::seconds(seconds));
}

}  // namespace

Result<bool> Backoff::wait(const std::string& retry_after, const Cancel& cancel) {
  if (left_ <= 0) return false;
  --left_;
  auto delay = std::min(settings_.first_retry_delay * (1 << std::min(done_, 16)), kLongestWait);
  ++done_;
  // Up to half as much again, so that parallel jobs do not come back together.
  std::minstd_rand random{std::random_device()()};
  delay += delay * static_cast<int>(random() % 512) / 1024;
  if (const auto asked = parse_retry_after(retry_after)) {
    if (*asked > kLongestRetryAfter) return false;
    delay = std::max(delay, *asked);
  }
  const auto until = std::chrono::steady_clock::now() + delay;
  for (auto now = std::chrono::steady_clock::now(); now < until; now = std::chrono::steady_clock::now()) {
    if (cancel.cancelled()) return fail(cancelled_error());
    std::this_thread::sleep_for(
        std::min<std::chrono::steady_clock::duration>(until - now, std::chrono::milliseconds(100)));
  }
  return true;
}

Result<Answer> RegistryClient::once(const Endpoint& endpoint, const Access& access, HttpRequest request,
                                    const Cancel& cancel, ByteSink* sink) const {
  const auto url = Url::parse(request.url);
  if (!url) return fail(Error(Fault::remote, "this is not a URL").at(redact(request.url)));
  // Upload locations may lie on another host: that one gets no credentials.
  const bool ours = url->same_origin(endpoint.base);
  request.plain_http = endpoint.base.scheme == "http";
  request.verify_certificates = endpoint.settings.verify_certificates;
  request.ca_file = endpoint.settings.ca_file;
  const auto headers = request.headers;
  for (bool refreshed = false;; refreshed = true) {
    std::string authorization;
    request.headers = headers;
    if (ours) {
      SCANGATE_TRY(authorization, authorizer_.header(endpoint, access, cancel));
      if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
    }
    StringSink kept(kMaxKeptBytes);
    Switch target(kept, sink);
    request.on_head = [&](const HttpReply& head) {
      if (head.status == 200) target.use_second();
    };
    SCANGATE_TRY(HttpReply reply, transport_.send(request, target, cancel));
    if (reply.status == 401 && ours && !refreshed) {
      SCANGATE_CHECK(authorizer_.challenged(endpoint, access, reply, kept.text(), authorization, cancel));
      continue;
    }
    return Answer{std::move(reply), std::move(kept.text())};
  }
}

Result<Answer> RegistryClient::call(const Endpoint& endpoint, const Access& access, const HttpRequest& request,
                                    const Cancel& cancel) const {
  Backoff backoff(settings_, endpoint.is_mirror ? 1 : settings_.attempts);
  for (;;) {
    auto answer = once(endpoint, access, request, cancel);
    const bool again = answer ? is_worth_retrying(answer->head.status) : answer.error().is_worth_retrying();
    if (!again) return answer;
    SCANGATE_TRY(const bool go_on, backoff.wait(answer ? answer->head.header("retry-after") : "", cancel));
    if (!go_on) return answer;
  }
}

}  // namespace scangate
