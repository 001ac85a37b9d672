#include "base/archive/decompress.h"
#include "base/archive/read_ahead.h"
#include "pipeline/image/layer.h"
#include "pipeline/image/layer_entries.h"
#include "pipeline/image/store_files.h"

namespace scangate {
namespace {

class StoredLayer final : public LayerSource {
 public:
  StoredLayer(const Store& store, Descriptor blob, const DiffId& diff_id)
      : store_(store), blob_(std::move(blob)), diff_id_(diff_id) {}
  const DiffId& diff_id() const override { return diff_id_; }

  Result<void> read(EntrySink& sink) override {
    const std::string name = "layer " + blob_.digest.str();
    SCANGATE_TRY(UniqueFd fd, store_.open_blob(blob_.digest));
    FdSource file(std::move(fd), name);
    HashingSource packed(file);
    const std::unique_ptr<ByteSource> plain = decompressed(packed, name, kMaxTarBytes);
    // Reading, hashing the blob and inflating in one thread; hashing the tar and the sink's work in ours.
    ReadAheadSource ahead(*plain);
    HashingSource tar(ahead);
    const Result<void> sent = send_entries(tar, sink, name, Cancel());
    Result<Digest> unpacked = sent ? tar.drain() : Result<Digest>(fail(sent.error()));
    ahead.stop();
    // A damaged blob shows as a damaged stream first; its digest tells that it is not the layer's fault.
    if (unpacked || unpacked.error().fault() == Fault::user) SCANGATE_CHECK(check_blob(packed, name));
    if (!unpacked) return fail(std::move(unpacked).error());
    if (*unpacked != diff_id_.digest)
      return fail(Error(Fault::user, fmt::format("its diffID is {}, the image's config says {}", unpacked->str(),
                                                 diff_id_.digest.str()))
                      .at(name));
    return {};
  }

 private:
  Result<void> check_blob(HashingSource& packed, const std::string& name) const {
    SCANGATE_TRY(const Digest digest, packed.drain());
    if (digest != blob_.digest) return fail(damaged_blob(blob_.digest));
    if (packed.size_bytes() != blob_.size_bytes)
      return fail(Error(Fault::user,
                        fmt::format("it has {} bytes, its descriptor says {}", packed.size_bytes(), blob_.size_bytes))
                      .at(name));
    return {};
  }

  const Store& store_;
  Descriptor blob_;
  DiffId diff_id_;
};

// A file's content as the writer pulls it.
class EntryContent final : public ByteSource {
 public:
  explicit EntryContent(LayerEntries& entries) : entries_(entries) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override { return entries_.read(buffer); }

 private:
  LayerEntries& entries_;
};

}  // namespace

std::unique_ptr<LayerSource> stored_layer(const Store& store, const Descriptor& blob, const DiffId& diff_id) {
  return std::make_unique<StoredLayer>(store, blob, diff_id);
}

Result<DiffId> read_tar_entries(ByteSource& tar, EntrySink& sink, std::string_view name, const Cancel& cancel) {
  const std::unique_ptr<ByteSource> plain = decompressed(tar, std::string(name), kMaxTarBytes, Allowed::archives);
  HashingSource hashing(*plain);
  SCANGATE_CHECK(send_entries(hashing, sink, name, cancel));
  SCANGATE_TRY(const Digest digest, hashing.drain());
  return DiffId{digest};
}

Result<WrittenLayer> layer_from_tar(Store& store, ByteSource& tar, const LayerOptions& options,
                                    std::vector<EntrySink*> tees, std::string_view name) {
  const std::unique_ptr<ByteSource> plain = decompressed(tar, std::string(name), kMaxTarBytes, Allowed::archives);
  SCANGATE_TRY(LayerWriter writer, LayerWriter::create(store, options, std::move(tees)));
  SCANGATE_TRY(LayerEntries entries, LayerEntries::open(*plain, name, Cancel()));
  EntryContent content(entries);
  for (;;) {
    SCANGATE_TRY(const Entry* entry, entries.next());
    if (entry == nullptr) return writer.finish();
    SCANGATE_CHECK(writer.add(*entry, entry->size_bytes == 0 ? nullptr : &content));
  }
}

}  // namespace scangate
