#include <algorithm>
#include <cstring>

#include "base/archive/compress.h"
#include "base/text.h"
#include "pipeline/image/layer.h"
#include "pipeline/image/layer_paths.h"
#include "pipeline/image/tar_writer.h"

namespace scangate {
namespace {

// Tar bytes are gathered to this size before they are hashed and handed on; content is read straight into it.
constexpr std::size_t kBuffer = 256U << 10U;
// Two zero blocks end an archive: POSIX pax, "ustar Interchange Format".
constexpr std::size_t kEndBlocks = 2 * kTarBlock;

}  // namespace

std::string_view layer_media_type(Compression compression) {
  switch (compression) {
    case Compression::none:
      return media_type::kOciLayer;
    case Compression::gzip:
      return media_type::kOciLayerGzip;
    case Compression::zstd:
      return media_type::kOciLayerZstd;
  }
  return media_type::kOciLayer;
}

struct LayerWriter::State {
  State(Store& into, const LayerOptions& how, std::vector<EntrySink*> sinks, BlobWriter writer)
      : store(into), options(how), tees(std::move(sinks)), blob(std::move(writer)) {
    if (options.compression != Compression::none)
      compressor = std::make_unique<CompressingSink>(
          blob, options.compression == Compression::gzip ? Packer::gzip : Packer::zstd);
  }

  Result<void> check(const Entry& entry, bool has_content);
  Result<void> add(const Entry& entry, ByteSource* content);
  Result<void> copy_content(const Entry& entry, ByteSource& content);
  Result<void> put(Bytes bytes);
  Result<void> put_zeros(std::size_t count);
  Result<void> flush();

  Store& store;
  LayerOptions options;
  std::vector<EntrySink*> tees;
  std::vector<EntrySink*> listening;  // tees that want the current file's content
  BlobWriter blob;
  std::unique_ptr<CompressingSink> compressor;  // after blob: it writes there until it ends
  Sha256 hash;
  std::vector<std::byte> buffer = std::vector<std::byte>(kBuffer);
  std::size_t used = 0;
  std::uint64_t tar_bytes = 0;
  std::uint64_t entries = 0;
};

Result<void> LayerWriter::State::flush() {
  const Bytes bytes = Bytes(buffer).first(used);
  used = 0;
  hash.update(bytes);
  tar_bytes += bytes.size();
  if (compressor) return compressor->write(bytes);
  return blob.write(bytes);
}

Result<void> LayerWriter::State::put(Bytes bytes) {
  while (!bytes.empty()) {
    if (used == buffer.size()) SCANGATE_CHECK(flush());
    const std::size_t count = std::min(bytes.size(), buffer.size() - used);
    std::memcpy(buffer.data() + used, bytes.data(), count);
    used += count;
    bytes = bytes.subspan(count);
  }
  return {};
}

Result<void> LayerWriter::State::put_zeros(std::size_t count) {
  static constexpr std::byte kZeros[kEndBlocks] = {};
  return put(Bytes(kZeros).first(count));
}

Result<void> LayerWriter::State::check(const Entry& entry, bool has_content) {
  const auto wrong = [&](std::string_view why) {
    return fail(Fault::user, fmt::format("'{}' cannot be written to a layer: {}", printable(entry.path), why));
  };
  if (!is_clean_layer_path(entry.path)) return wrong("its path must be relative, without '..', and below 4096 bytes");
  if (entry.path.empty() && entry.type != EntryType::directory) return wrong("the root must be a directory");
  if (entry.type == EntryType::hardlink && (entry.link_target.empty() || !is_clean_layer_path(entry.link_target)))
    return wrong("a hard link's target must be a relative path without '..'");
  if (entry.link_target.size() > kMaxPathBytes) return wrong("its link target is longer than 4096 bytes");
  if (entry.type != EntryType::file && entry.size_bytes != 0) return wrong("only files have content");
  if ((entry.size_bytes != 0) != has_content) return wrong("its size and its content do not match");
  std::size_t xattr_bytes = 0;
  for (const auto& [key, value] : entry.xattrs)
    xattr_bytes += key.size() + value.size();
  if (xattr_bytes > kMaxXattrBytes)
    return wrong(fmt::format("its extended attributes are larger than {} bytes", kMaxXattrBytes));
  if (entries >= kMaxLayerEntries) return wrong(fmt::format("the layer has {} entries, the most allowed", entries));
  if (entry.size_bytes > kMaxLayerBytes - std::min(kMaxLayerBytes, tar_bytes))
    return wrong(fmt::format("the layer would be larger than {} bytes", kMaxLayerBytes));
  return {};
}

Result<void> LayerWriter::State::copy_content(const Entry& entry, ByteSource& content) {
  const auto changed = [&] {
    return fail(Fault::user, fmt::format("'{}' changed while it was read", printable(entry.path)));
  };
  std::uint64_t left = entry.size_bytes;
  while (left != 0) {
    if (used == buffer.size()) SCANGATE_CHECK(flush());
    const std::span<std::byte> room =
        std::span(buffer).subspan(used, static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size() - used)));
    SCANGATE_TRY(const std::size_t count, content.read(room));
    if (count == 0) return changed();
    for (EntrySink* tee : listening)
      SCANGATE_CHECK(tee->content(room.first(count)));
    used += count;
    left -= count;
  }
  std::byte more{};
  SCANGATE_TRY(const std::size_t extra, content.read({&more, 1}));
  if (extra != 0) return changed();
  return put_zeros(tar_padding(entry.size_bytes));
}

Result<void> LayerWriter::State::add(const Entry& entry, ByteSource* content) {
  SCANGATE_CHECK(check(entry, content != nullptr));
  SCANGATE_TRY(const std::string header, tar_header(entry));
  SCANGATE_CHECK(put(as_bytes(header)));
  listening.clear();
  for (EntrySink* tee : tees) {
    SCANGATE_TRY(const EntrySink::Want want, tee->begin_entry(entry));
    if (want == EntrySink::Want::content && entry.type == EntryType::file) listening.push_back(tee);
  }
  if (content != nullptr) SCANGATE_CHECK(copy_content(entry, *content));
  for (EntrySink* tee : tees)
    SCANGATE_CHECK(tee->end_entry());
  ++entries;
  return {};
}

LayerWriter::LayerWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
LayerWriter::LayerWriter(LayerWriter&&) noexcept = default;
LayerWriter& LayerWriter::operator=(LayerWriter&&) noexcept = default;
LayerWriter::~LayerWriter() = default;

Result<LayerWriter> LayerWriter::create(Store& store, const LayerOptions& options, std::vector<EntrySink*> tees) {
  SCANGATE_TRY(BlobWriter blob, store.new_blob());
  return LayerWriter(std::make_unique<State>(store, options, std::move(tees), std::move(blob)));
}

Result<void> LayerWriter::add(const Entry& entry, ByteSource* content) {
  const auto& clamp = state_->options.clamp_mtime;
  if (clamp && entry.mtime_seconds > clamp->time_since_epoch().count()) {
    Entry clamped = entry;
    clamped.mtime_seconds = clamp->time_since_epoch().count();
    return state_->add(clamped, content);
  }
  return state_->add(entry, content);
}

Result<WrittenLayer> LayerWriter::finish() {
  State& state = *state_;
  SCANGATE_CHECK(state.put_zeros(kEndBlocks));
  SCANGATE_CHECK(state.flush());
  if (state.compressor) {
    SCANGATE_CHECK(state.compressor->finish());
    state.compressor.reset();
  }
  WrittenLayer out;
  out.diff_id = DiffId{state.hash.finish()};
  out.tar_bytes = state.tar_bytes;
  out.entries = state.entries;
  out.blob.media_type = layer_media_type(state.options.compression);
  out.blob.size_bytes = state.blob.size_bytes();
  SCANGATE_TRY(out.blob.digest, state.blob.commit());
  SCANGATE_CHECK(state.store.record_layer(out.diff_id, out.blob));
  return out;
}

}  // namespace scangate
