#include "pipeline/image/layer_entries.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "pipeline/image/layer_paths.h"
#include "pipeline/image/tar_entry.h"

namespace scangate {
namespace {

constexpr std::size_t kPiece = 256U << 10U;

}  // namespace

Result<std::size_t> HashingSource::read(std::span<std::byte> buffer) {
  SCANGATE_TRY(const std::size_t count, from_.read(buffer));
  hash_.update(buffer.first(count));
  size_ += count;
  return count;
}

Result<Digest> HashingSource::drain() {
  std::vector<std::byte> rest(kPiece);
  for (;;) {
    SCANGATE_TRY(const std::size_t count, read(rest));
    if (count == 0) return hash_.finish();
  }
}

Result<LayerEntries> LayerEntries::open(ByteSource& tar, std::string_view name, const Cancel& cancel) {
  SCANGATE_TRY(TarReader reader, TarReader::open(tar, name));
  return LayerEntries(std::move(reader), name, cancel);
}

tl::unexpected<Error> LayerEntries::wrong(std::string cause) const {
  return fail(Error(Fault::user, std::move(cause)).at(name_));
}

Result<const Entry*> LayerEntries::next() {
  if (cancel_.cancelled()) return fail(cancelled_error());
  SCANGATE_TRY(const TarEntry* raw, reader_.next());
  if (raw == nullptr) return nullptr;
  if (++entries_ > kMaxLayerEntries)
    return wrong(fmt::format("it has more than the allowed {} entries", kMaxLayerEntries));
  SCANGATE_CHECK(convert(*raw));
  entry_bytes_ = 0;
  return &entry_;
}

Result<void> LayerEntries::convert(const TarEntry& raw) {
  const auto bad = [&](std::string_view why) {
    return wrong(fmt::format("entry '{}' {}", printable(std::string_view(raw.path).substr(0, 200)), why));
  };
  auto path = clean_layer_path(raw.path);
  if (!path) return bad("leads out of the layer");
  if (path->size() > kMaxPathBytes) return bad(fmt::format("has a path longer than {} bytes", kMaxPathBytes));
  entry_ = {};
  entry_.path = std::move(*path);
  entry_.type = entry_type(raw.type);
  if (entry_.path.empty() && entry_.type != EntryType::directory) return bad("has no name");
  if (raw.link_target.size() > kMaxPathBytes)
    return bad(fmt::format("has a link target longer than {} bytes", kMaxPathBytes));
  if (raw.type == TarType::hardlink) {
    auto target = clean_layer_path(raw.link_target);
    if (!target || target->empty()) return bad("is a hard link out of the layer");
    entry_.link_target = std::move(*target);
  } else {
    entry_.link_target = raw.link_target;
  }
  if (raw.uid < 0 || raw.uid > UINT32_MAX || raw.gid < 0 || raw.gid > UINT32_MAX)
    return bad("has an owner that is no 32-bit number");
  if (raw.device_major > UINT32_MAX || raw.device_minor > UINT32_MAX)
    return bad("has a device number that is no 32-bit number");
  std::size_t xattr_bytes = 0;
  for (const auto& [key, value] : raw.xattrs)
    xattr_bytes += key.size() + value.size();
  if (xattr_bytes > kMaxXattrBytes)
    return bad(fmt::format("has more than {} bytes of extended attributes", kMaxXattrBytes));
  if (raw.size_bytes > kMaxLayerBytes) return bad(fmt::format("is larger than {} bytes", kMaxLayerBytes));
  entry_.mode = raw.mode & 07777U;
  entry_.uid = static_cast<std::uint32_t>(raw.uid);
  entry_.gid = static_cast<std::uint32_t>(raw.gid);
  entry_.mtime_seconds = raw.mtime_seconds;
  entry_.size_bytes = raw.size_bytes;
  entry_.device_major = static_cast<std::uint32_t>(raw.device_major);
  entry_.device_minor = static_cast<std::uint32_t>(raw.device_minor);
  entry_.xattrs = raw.xattrs;
  return {};
}

Result<std::size_t> LayerEntries::read(std::span<std::byte> buffer) {
  if (cancel_.cancelled()) return fail(cancelled_error());
  SCANGATE_TRY(const std::size_t count, reader_.read(buffer));
  entry_bytes_ += count;
  content_bytes_ += count;
  if (count == 0 && entry_bytes_ != entry_.size_bytes)
    return wrong(fmt::format("entry '{}' has {} bytes, its header says {}", printable(entry_.path), entry_bytes_,
                             entry_.size_bytes));
  if (entry_bytes_ > entry_.size_bytes)
    return wrong(fmt::format("entry '{}' is larger than its header says", printable(entry_.path)));
  // The holes of sparse files were never in the stream, so the cap on the stream does not cover them.
  if (content_bytes_ > kMaxLayerBytes)
    return wrong(fmt::format("its content is larger than the allowed {} bytes", kMaxLayerBytes));
  return count;
}

Result<void> send_entries(ByteSource& tar, EntrySink& sink, std::string_view name, const Cancel& cancel) {
  SCANGATE_TRY(LayerEntries entries, LayerEntries::open(tar, name, cancel));
  std::vector<std::byte> buffer(kPiece);
  for (;;) {
    SCANGATE_TRY(const Entry* entry, entries.next());
    if (entry == nullptr) return {};
    SCANGATE_TRY(const EntrySink::Want want, sink.begin_entry(*entry));
    if (entry->type == EntryType::file && want == EntrySink::Want::content) {
      for (;;) {
        SCANGATE_TRY(const std::size_t count, entries.read(buffer));
        if (count == 0) break;
        SCANGATE_CHECK(sink.content(Bytes(buffer).first(count)));
      }
    }
    SCANGATE_CHECK(sink.end_entry());
  }
}

}  // namespace scangate
