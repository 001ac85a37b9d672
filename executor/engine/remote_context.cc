#include "executor/engine/remote_context.h"

#include <fcntl.h>

#include "base/base64.h"
#include "base/text.h"
#include "executor/engine/tar_context.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// As for ADD of a URL: the packed context lies on the store's disk.
constexpr std::uint64_t kMaxPackedBytes = 16ULL << 30U;
constexpr int kMaxAttempts = 3;

bool is_url(std::string_view address) {
  return address.starts_with("http://") || address.starts_with("https://");
}

// "%40" is '@': RFC 3986 section 2.1. What is no such triple stays.
std::string percent_decoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string digits = to_lower(text.substr(i + 1, 2));
    if (text[i] == '%' && digits.size() == 2 && digits.find_first_not_of(kDigits) == std::string::npos) {
      out += static_cast<char>(kDigits.find(digits[0]) * 16 + kDigits.find(digits[1]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The request for `address`: user and password go into a header, which no redirect to another host gets, and not into
// the URL, which errors show.
HttpRequest request_for(const std::string& address, const RevealFor& reveal) {
  HttpRequest request;
  request.follow_redirects = true;
  request.plain_http = true;
  request.max_reply_bytes = kMaxPackedBytes;
  request.headers.emplace_back("Accept-Encoding", "identity");
  request.url = address.substr(0, address.find('#'));
  const std::size_t begin = request.url.find("://") + 3;
  const std::size_t end = std::min(request.url.find_first_of("/?", begin), request.url.size());
  const std::size_t at = request.url.substr(0, end).rfind('@');
  if (at == std::string::npos || at < begin) return request;
  const std::string host = request.url.substr(at + 1, end - at - 1);
  const std::string given = request.url.substr(begin, at - begin);
  const std::size_t colon = std::min(given.find(':'), given.size());
  std::string user = percent_decoded(given.substr(0, colon));
  std::string password = colon < given.size() ? percent_decoded(given.substr(colon + 1)) : "";
  if (reveal) {
    user = reveal(user, host);
    password = reveal(password, host);
  }
  request.headers.emplace_back("Authorization", "Basic " + base64_encode(user + ":" + password));
  request.url.erase(begin, at + 1 - begin);
  return request;
}

Result<void> download(HttpTransport& transport, const HttpRequest& request, const fs::path& file,
                      const std::string& what, const Cancel& cancel) {
  for (int attempt = 1;; ++attempt) {
    SCANGATE_TRY(UniqueFd fd, open_file(file, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    FdSink sink(std::move(fd), what);
    auto reply = transport.send(request, sink, cancel);
    if (!reply && reply.error().is_worth_retrying() && attempt < kMaxAttempts && !cancel.cancelled()) continue;
    if (!reply) return fail(std::move(reply).error());
    if (reply->status == 200) return {};
    const bool busy = reply->status >= 500 || reply->status == 429;
    if (busy && attempt < kMaxAttempts) continue;
    return fail(busy ? Fault::remote : Fault::user, fmt::format("{}: the server answered {}", what, reply->status));
  }
}

Result<Digest> digest_of(const fs::path& file, const std::string& what) {
  SCANGATE_TRY(UniqueFd fd, open_file(file, O_RDONLY));
  FdSource source(std::move(fd), what);
  Sha256 hash;
  SCANGATE_CHECK(copy_bytes(source, hash));
  return hash.finish();
}

}  // namespace

Result<bool> is_remote_context(std::string_view address) {
  if (is_url(address)) return true;
  SCANGATE_TRY(const auto repository, parse_git_url(address, GitShorthand::allowed));
  return repository.has_value();
}

Result<RemoteContext> fetch_remote_context(const RemoteContextHost& host, const std::string& address,
                                           const Cancel& cancel) {
  SCANGATE_TRY(auto repository, parse_git_url(address, GitShorthand::allowed));
  SCANGATE_TRY(TempDir holder, host.store.make_work_folder("context-"));
  if (repository) {
    if (host.reveal) {
      repository->user = host.reveal(repository->user, repository->host());
      repository->password = host.reveal(repository->password, repository->host());
    }
    SCANGATE_TRY(const GitTree tree, fetch_git_source(*repository, holder.path(), host.git, host.runner, cancel));
    return RemoteContext{std::move(holder), tree.folder, std::nullopt, git_material(*repository, tree.commit)};
  }
  const HttpRequest request = request_for(address, host.reveal);
  const std::string what = "the build context " + redact(printable(request.url));
  const fs::path packed = holder.path() / "packed";
  const fs::path folder = holder.path() / "files";
  SCANGATE_CHECK(download(host.transport, request, packed, what, cancel));
  SCANGATE_CHECK(make_directories(folder));
  SCANGATE_TRY(const Digest digest, digest_of(packed, what));
  SCANGATE_TRY(UniqueFd fd, open_file(packed, O_RDONLY));
  FdSource source(std::move(fd), what);
  SCANGATE_TRY(auto dockerfile, take_tar_context(source, what, folder, cancel));
  std::error_code ignored;
  fs::remove(packed, ignored);  // the files are enough; what stays goes with the folder
  return RemoteContext{std::move(holder), folder, std::move(dockerfile), file_material(request.url, digest)};
}

Result<void> use_remote_context(RemoteContext& context, const std::string& dockerfile, BuildRequest& request) {
  request.context = context.folder;
  request.context_material = context.material;
  if (request.dockerfile_text) {
    request.dockerfile_name = "Dockerfile";
    return {};
  }
  if (context.dockerfile) {
    if (!dockerfile.empty())
      return fail(Error(Fault::user, "the build context is a Dockerfile alone, so there is no other in it")
                      .remedy("leave out -f"));
    request.dockerfile_text = std::move(context.dockerfile);
    request.dockerfile_name = "Dockerfile";
    return {};
  }
  request.dockerfile = fs::path("/" + dockerfile).lexically_normal().relative_path().string();
  request.dockerfile_name = request.dockerfile.empty() ? "Dockerfile" : request.dockerfile;
  return {};
}

}  // namespace scangate
