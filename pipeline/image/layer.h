#pragma once
// Layers in both directions: entries to a stored blob in one pass, and a stored blob back to entries.
#include <memory>
#include <optional>
#include <vector>

#include "base/cancel.h"
#include "pipeline/image/model.h"
#include "pipeline/image/store.h"
#include "scan/view/view.h"

namespace scangate {

// Caps on one layer. Debian's largest language images hold some 200,000 entries; this leaves 10x room.
inline constexpr std::uint64_t kMaxLayerEntries = 2'000'000;
inline constexpr std::uint64_t kMaxLayerBytes = 64ULL << 30U;  // uncompressed
inline constexpr std::size_t kMaxPathBytes = 4096;             // PATH_MAX
inline constexpr std::size_t kMaxXattrBytes = 1U << 20U;       // all of one entry

enum class Compression { none, gzip, zstd };
std::string_view layer_media_type(Compression compression);  // OCI types

struct LayerOptions {
  Compression compression = Compression::gzip;
  // SOURCE_DATE_EPOCH: mtimes later than this are set to it.
  std::optional<TimePoint> clamp_mtime;
};

struct WrittenLayer {
  DiffId diff_id;
  Descriptor blob;              // in the store, recorded with record_layer()
  std::uint64_t tar_bytes = 0;  // uncompressed
  std::uint64_t entries = 0;
};

// Writes a layer in one pass: pax tar, diffID, compression, digest, and every entry to the tees as it is written.
// Deterministic: the same entries give the same bytes (no user names, gzip header without time). One thread at a time;
// compresses on others.
class LayerWriter {
 public:
  // `tees` outlive the writer.
  static Result<LayerWriter> create(Store& store, const LayerOptions& options, std::vector<EntrySink*> tees);
  LayerWriter(LayerWriter&&) noexcept;
  LayerWriter& operator=(LayerWriter&&) noexcept;
  ~LayerWriter();
  // `content` gives exactly entry.size_bytes bytes for a file with size > 0 (fewer or more is Fault::user: "changed
  // while it was read"), and is null otherwise. Paths must be clean (see Entry) and parents should come before
  // children.
  Result<void> add(const Entry& entry, ByteSource* content);
  Result<WrittenLayer> finish();

 private:
  struct State;
  explicit LayerWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Reads a blob of the store as a layer: decompresses by content (gzip with several members, zstd, plain), verifies the
// blob's digest and the diffID, cleans paths (an entry whose path leaves the root is Fault::user), enforces the caps
// above. The store outlives the source.
std::unique_ptr<LayerSource> stored_layer(const Store& store, const Descriptor& blob, const DiffId& diff_id);

// The same over any stream of tar bytes, compressed (also xz and bzip2) or not; no digest is verified. Gives the diffID
// when it is done.
Result<DiffId> read_tar_entries(ByteSource& tar, EntrySink& sink, std::string_view name, const Cancel& cancel = {});

// Streams a rootfs or context tar (or a folder's tar, compressed or not) into a new layer: what `image import` and ADD
// need.
Result<WrittenLayer> layer_from_tar(Store& store, ByteSource& tar, const LayerOptions& options,
                                    std::vector<EntrySink*> tees, std::string_view name);

}  // namespace scangate
