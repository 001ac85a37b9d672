#include "pipeline/image/repack.h"

#include <charconv>

#include "base/archive/compress.h"
#include "base/archive/decompress.h"
#include "base/text.h"

namespace scangate {
namespace {

constexpr std::string_view kTable = "repacked";
constexpr std::size_t kPieceBytes = 256U << 10U;

// What the media type says: layers of base images come under Docker's names too.
std::optional<Compression> compression_of(const std::string& type) {
  if (type == media_type::kOciLayerGzip || type == media_type::kDockerLayerGzip) return Compression::gzip;
  if (type == media_type::kOciLayerZstd) return Compression::zstd;
  if (type == media_type::kOciLayer) return Compression::none;
  return std::nullopt;
}

// "sha256:… 123" of an earlier call, when that blob is still there and known to be this layer.
Result<std::optional<Descriptor>> remembered(const Store& store, const DiffId& diff_id, std::string_view text,
                                             Compression compression) {
  const auto parts = split(text, ' ');
  if (parts.size() != 2) return std::optional<Descriptor>();
  const auto digest = Digest::parse(parts[0]);
  Descriptor out;
  const auto [end, error] = std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), out.size_bytes);
  if (!digest || error != std::errc()) return std::optional<Descriptor>();
  SCANGATE_TRY(const bool held, store.holds_layer(diff_id, *digest));
  if (!held) return std::optional<Descriptor>();
  out.digest = *digest;
  out.media_type = layer_media_type(compression);
  return std::optional(out);
}

}  // namespace

Result<Descriptor> repack_layer(Store& store, const DiffId& diff_id, const Descriptor& blob, Compression compression,
                                std::optional<int> level, const Cancel& cancel) {
  if (!level && compression_of(blob.media_type) == compression) return blob;
  const std::string key =
      fmt::format("{}/{}/{}", diff_id.digest.hex(), layer_media_type(compression), level ? std::to_string(*level) : "");
  SCANGATE_TRY(const auto text, store.cache_get(kTable, key));
  if (text) {
    SCANGATE_TRY(auto known, remembered(store, diff_id, *text, compression));
    if (known) return *std::move(known);
  }
  const std::string name = "layer " + blob.digest.str();
  SCANGATE_TRY(UniqueFd fd, store.open_blob(blob.digest));
  FdSource packed(std::move(fd), name);
  const auto plain = decompressed(packed, name, kMaxLayerBytes);
  SCANGATE_TRY(BlobWriter writer, store.new_blob());
  std::unique_ptr<CompressingSink> compressor;  // after the writer, which it writes to until it ends
  if (compression != Compression::none)
    compressor = std::make_unique<CompressingSink>(
        writer, compression == Compression::gzip ? Packer::gzip : Packer::zstd, 0, level);
  Sha256 hash;
  std::vector<std::byte> buffer(kPieceBytes);
  for (;;) {
    if (cancel.cancelled()) return fail(cancelled_error());
    SCANGATE_TRY(const std::size_t count, plain->read(buffer));
    if (count == 0) break;
    const Bytes bytes = Bytes(buffer).first(count);
    hash.update(bytes);
    SCANGATE_CHECK(compressor ? compressor->write(bytes) : writer.write(bytes));
  }
  if (compressor) {
    SCANGATE_CHECK(compressor->finish());
    compressor.reset();
  }
  // What was scanned is known by its diffID: the blob that leaves must be nothing else.
  if (hash.finish() != diff_id.digest)
    return fail(Error(Fault::host, fmt::format("{} in the store is not the layer {}", name, diff_id.digest.str()))
                    .remedy("run 'scangate image prune' and build again"));
  Descriptor out;
  out.media_type = layer_media_type(compression);
  out.size_bytes = writer.size_bytes();
  SCANGATE_TRY(out.digest, writer.commit());
  SCANGATE_CHECK(store.record_layer(diff_id, out));
  SCANGATE_CHECK(store.cache_put(kTable, key, fmt::format("{} {}", out.digest.str(), out.size_bytes)));
  return out;
}

}  // namespace scangate
