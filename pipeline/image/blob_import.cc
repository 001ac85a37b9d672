#include "pipeline/image/blob_import.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/archive/compress.h"
#include "base/archive/decompress.h"
#include "base/archive/read_ahead.h"
#include "pipeline/image/layer.h"
#include "pipeline/image/layer_entries.h"

namespace scangate {
namespace {

// Copies what is read to a sink as well.
class TeeSource final : public ByteSource {
 public:
  TeeSource(ByteSource& from, ByteSink& to) : from_(from), to_(to) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    SCANGATE_TRY(const std::size_t count, from_.read(buffer));
    SCANGATE_CHECK(to_.write(buffer.first(count)));
    return count;
  }

 private:
  ByteSource& from_;
  ByteSink& to_;
};

// Gives bytes that were read for a look at them, then the rest.
class PrefixedSource final : public ByteSource {
 public:
  PrefixedSource(Bytes prefix, ByteSource& rest) : prefix_(prefix), rest_(rest) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (prefix_.empty()) return rest_.read(buffer);
    const std::size_t count = std::min(prefix_.size(), buffer.size());
    std::memcpy(buffer.data(), prefix_.data(), count);
    prefix_ = prefix_.subspan(count);
    return count;
  }

 private:
  Bytes prefix_;
  ByteSource& rest_;
};

// What does not match in a file that the user gave is his to fix, not a registry's.
tl::unexpected<Error> as_user_fault(Error error, const std::string& place) {
  if (error.fault() != Fault::remote) return fail(std::move(error));
  return fail(Error(Fault::user, error.cause()).at(place));
}

Result<void> drain(ByteSource& from) {
  std::vector<std::byte> buffer(1U << 17U);
  for (;;) {
    SCANGATE_TRY(const std::size_t count, from.read(buffer));
    if (count == 0) return {};
  }
}

// The diffID of compressed bytes, which are all read, also those after the stream's end.
Result<DiffId> diff_id_of(ByteSource& packed, const std::string& place) {
  const std::unique_ptr<ByteSource> plain = decompressed(packed, place, kMaxTarBytes);
  Result<Digest> digest = [&] {
    ReadAheadSource ahead(*plain);
    return HashingSource(ahead).drain();
  }();
  if (!digest) return fail(std::move(digest).error());
  SCANGATE_CHECK(drain(packed));
  return DiffId{*digest};
}

Result<void> check_diff_id(const DiffId& found, const DiffId& expected, const std::string& place) {
  if (found == expected) return {};
  return fail(Error(Fault::user, fmt::format("its diffID is {}, the image's config says {}", found.digest.str(),
                                             expected.digest.str()))
                  .at(place));
}

}  // namespace

Result<std::size_t> WatchedSource::read(std::span<std::byte> buffer) {
  if (cancel_.cancelled()) return fail(cancelled_error());
  SCANGATE_TRY(const std::size_t count, from_.read(buffer));
  done_ += count;
  progress_.bytes(item_, done_, total_);
  return count;
}

Result<std::string> import_document(Store& store, ByteSource& from, const Descriptor& descriptor, std::size_t cap_bytes,
                                    std::string_view place) {
  if (descriptor.size_bytes > cap_bytes)
    return fail(
        Error(Fault::user, fmt::format("it is larger than the allowed {} bytes", cap_bytes)).at(std::string(place)));
  SCANGATE_TRY(std::string text, read_all(from, cap_bytes));
  SCANGATE_TRY(BlobWriter writer, store.new_blob());
  SCANGATE_CHECK(writer.write(as_bytes(text)));
  if (auto put = writer.commit_expecting(descriptor.digest, descriptor.size_bytes); !put)
    return as_user_fault(std::move(put).error(), std::string(place));
  return text;
}

Result<void> import_layer(Store& store, ByteSource& from, const Descriptor& descriptor, const DiffId& diff_id,
                          const std::string& place) {
  SCANGATE_TRY(BlobWriter writer, store.new_blob());
  TeeSource tee(from, writer);
  // The blob's own digest first: a damaged copy would else be told as a damaged stream.
  Result<DiffId> found = diff_id_of(tee, place);
  if (!found && found.error().fault() == Fault::user) SCANGATE_CHECK(drain(tee));
  if (!found && found.error().fault() != Fault::user) return fail(std::move(found).error());
  if (auto put = writer.commit_expecting(descriptor.digest, descriptor.size_bytes); !put)
    return as_user_fault(std::move(put).error(), place);
  if (!found) return fail(std::move(found).error());
  SCANGATE_CHECK(check_diff_id(*found, diff_id, place));
  return store.record_layer(diff_id, descriptor);
}

Result<std::pair<DiffId, Descriptor>> import_unknown_layer(Store& store, ByteSource& from, const std::string& place) {
  std::array<std::byte, 6> head{};
  std::size_t have = 0;
  while (have < head.size()) {
    SCANGATE_TRY(const std::size_t count, from.read(std::span(head).subspan(have)));
    if (count == 0) break;
    have += count;
  }
  PrefixedSource whole(Bytes(head).first(have), from);
  const Packing packing = packing_of(Bytes(head).first(have));
  SCANGATE_TRY(BlobWriter writer, store.new_blob());
  DiffId diff_id;
  Descriptor blob;
  if (packing == Packing::none) {
    blob.media_type = layer_media_type(Compression::gzip);
    HashingSource plain(whole);
    CompressingSink compressor(writer, Packer::gzip);
    SCANGATE_CHECK(copy_bytes(plain, compressor, kMaxTarBytes));
    SCANGATE_CHECK(compressor.finish());
    SCANGATE_TRY(diff_id.digest, plain.drain());
  } else {
    blob.media_type = layer_media_type(packing == Packing::zstd ? Compression::zstd : Compression::gzip);
    TeeSource tee(whole, writer);
    SCANGATE_TRY(diff_id, diff_id_of(tee, place));
  }
  blob.size_bytes = writer.size_bytes();
  SCANGATE_TRY(blob.digest, writer.commit());
  SCANGATE_CHECK(store.record_layer(diff_id, blob));
  return std::pair(diff_id, blob);
}

Result<void> verify_stored_layer(Store& store, const Descriptor& descriptor, const DiffId& diff_id,
                                 const std::string& place) {
  SCANGATE_TRY(UniqueFd fd, store.open_blob(descriptor.digest));
  FdSource file(std::move(fd), place);
  SCANGATE_TRY(const DiffId found, diff_id_of(file, place));
  SCANGATE_CHECK(check_diff_id(found, diff_id, place));
  return store.record_layer(diff_id, descriptor);
}

}  // namespace scangate
