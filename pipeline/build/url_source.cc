#include "pipeline/build/url_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>

#include "base/file.h"
#include "base/text.h"

namespace scangate::build {
namespace {

// A server that hangs up or is overloaded for a moment should not fail a build; one that does it three times is down.
constexpr int kMaxAttempts = 3;
constexpr std::string_view kTable = "downloads";
constexpr const char* kFileName = "content";

// Hashes and writes what comes.
class DownloadSink final : public ByteSink {
 public:
  explicit DownloadSink(int fd) : fd_(fd) {}
  Result<void> write(Bytes bytes) override {
    hash_.update(bytes);
    return write_fd(fd_, bytes, "the download");
  }
  Digest digest() { return hash_.finish(); }

 private:
  int fd_;
  Sha256 hash_;
};

// What a server said of a URL the last time.
struct Remembered {
  Digest digest;
  std::string etag;
  std::string last_modified;
};

std::optional<Remembered> parse_remembered(std::string_view text) {
  const auto lines = split(text, '\n');
  if (lines.size() != 3) return std::nullopt;
  auto digest = Digest::parse(lines[0]);
  if (!digest || (lines[1].empty() && lines[2].empty())) return std::nullopt;
  return Remembered{*digest, lines[1], lines[2]};
}

class UrlSource final : public RemoteSource {
 public:
  UrlSource(const RemoteHost& host, std::string url, std::optional<Digest> checksum, const RemoteFlags& flags)
      : host_(host),
        url_(std::move(url)),
        shown_(redact(printable(url_))),
        checksum_(std::move(checksum)),
        unpack_(flags.unpack) {}

  Result<std::string> identity() override {
    if (!checksum_ && !digest_) SCANGATE_CHECK(ask());
    return "url " + file_name_of_url(url_) + " " + (checksum_ ? *checksum_ : *digest_).str();
  }

  BuildMaterial material() const override {
    return file_material(url_, (checksum_ ? checksum_ : digest_).value_or(Digest()));
  }

  Result<std::vector<SelectedSource>> fetch() override {
    if (!folder_) SCANGATE_CHECK(download({}));
    SCANGATE_TRY(auto tree, SourceTree::open(folder_->path(), "the download", {}));
    tree_.emplace(std::move(tree));
    SCANGATE_TRY(auto item, tree_->item(kFileName));
    if (!item) return fail(Fault::host, fmt::format("the download of {} is gone", shown_));
    SelectedSource source;
    source.name = file_name_of_url(url_);
    source.items.push_back({"", std::move(*item)});
    source.tree = &*tree_;
    source.may_unpack = unpack_;
    std::vector<SelectedSource> sources;
    sources.push_back(std::move(source));
    return sources;
  }

 private:
  std::string memory_key() const {
    Sha256 hash;
    hash.update(fmt::format("{}:{}", host_.cache_namespace.size(), host_.cache_namespace));
    hash.update(url_);
    return hash.finish().hex();
  }

  // Learns the digest: by a download, unless the server says that nothing changed.
  Result<void> ask() {
    SCANGATE_TRY(const auto text, host_.store.cache_get(kTable, memory_key()));
    return download(text ? parse_remembered(*text) : std::nullopt);
  }

  Result<void> download(const std::optional<Remembered>& before) {
    for (int attempt = 1;; ++attempt) {
      auto done = try_download(before);
      if (done || !done.error().is_worth_retrying() || attempt == kMaxAttempts || host_.cancel.cancelled()) return done;
    }
  }

  Result<void> try_download(const std::optional<Remembered>& before) {
    SCANGATE_TRY(TempDir folder, host_.store.make_work_folder("add-"));
    const auto path = folder.path() / kFileName;
    SCANGATE_TRY(const UniqueFd fd, open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
    HttpRequest request;
    request.url = url_;
    request.follow_redirects = true;
    request.plain_http = true;
    request.max_reply_bytes = kMaxDownloadBytes;
    request.headers.emplace_back("Accept-Encoding", "identity");  // the file as it is, not as it travels
    if (before && !before->etag.empty()) request.headers.emplace_back("If-None-Match", before->etag);
    if (before && before->etag.empty()) request.headers.emplace_back("If-Modified-Since", before->last_modified);
    DownloadSink sink(fd.get());
    SCANGATE_TRY(const HttpReply reply, host_.transport->send(request, sink, host_.cancel));
    if (reply.status == 304 && before) {
      digest_ = before->digest;
      return {};
    }
    if (reply.status != 200) return fail(refusal(reply.status));
    const Digest digest = sink.digest();
    const std::optional<Digest>& wanted = checksum_ ? checksum_ : digest_;
    if (wanted && digest != *wanted)
      return fail(Error(Fault::user, checksum_ ? fmt::format("the checksum of {} is wrong: it is {}, not {}", shown_,
                                                             digest.str(), wanted->str())
                                               : fmt::format("{} changed while it was added", shown_)));
    SCANGATE_CHECK(settle(fd.get(), reply));
    const std::string etag = reply.header("etag");
    const std::string modified = reply.header("last-modified");
    if (etag.find('\n') == std::string::npos && modified.find('\n') == std::string::npos)
      SCANGATE_CHECK(
          host_.store.cache_put(kTable, memory_key(), fmt::format("{}\n{}\n{}", digest.str(), etag, modified)));
    digest_ = digest;
    folder_.emplace(std::move(folder));
    return {};
  }

  Error refusal(int status) const {
    Error error(status >= 500 || status == 429 ? Fault::remote : Fault::user,
                fmt::format("{} cannot be added: the server answered {}", shown_, status));
    if (status >= 500 || status == 429) return std::move(error).worth_retrying();
    return error;
  }

  // As docker leaves it: for its owner alone, and as old as the server says, else from 1970.
  static Result<void> settle(int fd, const HttpReply& reply) {
    const std::int64_t seconds = parse_http_date(reply.header("last-modified")).value_or(0);
    const std::array<timespec, 2> times{timespec{seconds, 0}, timespec{seconds, 0}};
    if (::fchmod(fd, 0600) != 0 || ::futimens(fd, times.data()) != 0)
      return fail(host_error("cannot set mode and time of the download", errno));
    return {};
  }

  const RemoteHost host_;
  std::string url_;
  std::string shown_;
  std::optional<Digest> checksum_;
  bool unpack_;
  std::optional<Digest> digest_;  // of what the server has
  std::optional<TempDir> folder_;
  std::optional<SourceTree> tree_;
};

std::optional<int> number_in(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto parts = split(trim(text), ' ');
  if (parts.size() != 6 || parts[5] != "GMT" || parts[2].size() != 3) return std::nullopt;
  const auto day = number_in(parts[1]);
  const std::size_t month = kMonths.find(parts[2]);
  const auto year = number_in(parts[3]);
  const auto clock = split(parts[4], ':');
  if (!day || !year || *year > 9999 || month == std::string_view::npos || month % 3 != 0 || clock.size() != 3)
    return std::nullopt;
  const auto hour = number_in(clock[0]);
  const auto minute = number_in(clock[1]);
  const auto second = number_in(clock[2]);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86'400 + *hour * 3'600 + *minute * 60 + *second;
}

std::string file_name_of_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::size_t slash = url.find('/', scheme + 3);
  if (slash == std::string_view::npos) return {};
  std::string path;
  for (std::size_t i = slash; i < url.size(); ++i) {
    unsigned value = 0;
    if (url[i] == '%' && i + 2 < url.size() &&
        std::from_chars(url.data() + i + 1, url.data() + i + 3, value, 16).ptr == url.data() + i + 3) {
      path += static_cast<char>(value);
      i += 2;
    } else {
      path += url[i];
    }
  }
  const std::string name(base_name(path));
  if (name == "." || name == ".." || name.find('\0') != std::string::npos) return {};
  return name;
}

Result<std::unique_ptr<RemoteSource>> make_url_source(const RemoteHost& host, const std::string& url,
                                                      const RemoteFlags& flags) {
  std::optional<Digest> checksum;
  if (flags.checksum) {
    auto parsed = Digest::parse(*flags.checksum);
    if (!parsed)
      return fail(Error(Fault::user, fmt::format("the checksum '{}' is not a digest", printable(*flags.checksum)))
                      .remedy("write sha256: and 64 hexadecimal digits"));
    checksum = *parsed;
  }
  return std::make_unique<UrlSource>(host, url, std::move(checksum), flags);
}

}  // namespace scangate::build
