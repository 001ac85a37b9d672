#include "pipeline/build/file_digests.h"

#include <array>
#include <charconv>

#include "base/file.h"

namespace scangate::build {
namespace {

constexpr std::string_view kTable = "filedigest";

bool settled(const FileStamp& stamp) {
  const auto now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const bool coarse = stamp.mtime_ns % 1'000'000'000 == 0 && stamp.ctime_ns % 1'000'000'000 == 0;
  const std::chrono::nanoseconds age = coarse ? std::chrono::nanoseconds(kSettledCoarse) : kSettled;
  return std::max(stamp.mtime_ns, stamp.ctime_ns) + age.count() < now;
}

template <class Number>
bool take(std::string_view& line, Number& value) {
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc()) return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  if (line.starts_with(' ')) line.remove_prefix(1);
  return true;
}

}  // namespace

Result<void> FileDigests::load() {
  if (loaded_) return {};
  loaded_ = true;
  SCANGATE_TRY(auto text, store_.cache_get(kTable, identity_));
  if (!text) return {};
  std::string_view rest = *text;
  while (!rest.empty() && known_.size() < kMaxRememberedFiles) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    FileStamp stamp;
    // A line that is damaged is a file to read again.
    if (!take(line, stamp.device) || !take(line, stamp.inode) || !take(line, stamp.size_bytes) ||
        !take(line, stamp.mtime_ns) || !take(line, stamp.ctime_ns))
      continue;
    auto digest = Digest::parse("sha256:" + std::string(line));
    if (digest) known_.emplace_hint(known_.end(), stamp, *digest);
  }
  return {};
}

std::optional<Digest> FileDigests::find(const FileStamp& stamp) {
  if (const auto found = known_.find(stamp); found != known_.end()) {
    used_[stamp] = found->second;
    return found->second;
  }
  if (const auto found = used_.find(stamp); found != used_.end()) return found->second;
  if (const auto found = fresh_.find(stamp); found != fresh_.end()) return found->second;
  return std::nullopt;
}

Result<Digest> FileDigests::digest(SourceTree& tree, const TreeItem& item, const Cancel& cancel) {
  {
    const std::lock_guard lock(mutex_);
    SCANGATE_CHECK(load());
    if (const auto found = find(item.stamp)) return *found;
  }
  // Read without the lock: two stages that need one file at once may both read it.
  SCANGATE_TRY(auto fd, tree.open_file(item));
  FdSource source(std::move(fd), item.path);
  Sha256 hash;
  std::array<std::byte, 64 * 1024> buffer;
  std::uint64_t total = 0;
  for (;;) {
    if (cancel.cancelled()) return fail(cancelled_error());
    SCANGATE_TRY(const std::size_t count, source.read(buffer));
    if (count == 0) break;
    total += count;
    if (total > item.stamp.size_bytes) break;
    hash.update(Bytes(buffer).first(count));
  }
  if (total != item.stamp.size_bytes)
    return fail(Fault::user, fmt::format("'{}' in {} changed while it was read", item.path, tree.what()));
  const Digest digest = hash.finish();
  remember(item, digest);
  return digest;
}

void FileDigests::remember(const TreeItem& item, const Digest& digest) {
  const std::lock_guard lock(mutex_);
  learn(item, digest);
}

void FileDigests::learn(const TreeItem& item, const Digest& digest) {
  if (!settled(item.stamp) || used_.size() >= kMaxRememberedFiles) {
    fresh_[item.stamp] = digest;
    return;
  }
  used_[item.stamp] = digest;
  changed_ = true;
}

Result<void> FileDigests::save() {
  const std::lock_guard lock(mutex_);
  if (!changed_) return {};
  SCANGATE_CHECK(load());
  // Other Dockerfiles may use the same context and other parts of it: what is still known is kept while there is room.
  for (const auto& [stamp, digest] : known_) {
    if (used_.size() >= kMaxRememberedFiles) break;
    used_.emplace(stamp, digest);
  }
  std::string text;
  text.reserve(used_.size() * 130);
  for (const auto& [stamp, digest] : used_)
    fmt::format_to(std::back_inserter(text), "{} {} {} {} {} {}\n", stamp.device, stamp.inode, stamp.size_bytes,
                   stamp.mtime_ns, stamp.ctime_ns, digest.hex());
  changed_ = false;
  return store_.cache_put(kTable, identity_, text);
}

}  // namespace scangate::build
