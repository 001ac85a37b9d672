#pragma once
// The entries of one tar stream as a layer's: names cleaned, caps enforced. Private to this folder.
#include <optional>
#include <string>

#include "base/archive/tar.h"
#include "base/cancel.h"
#include "pipeline/image/layer.h"

namespace scangate {

// Passes bytes on and hashes them.
class HashingSource final : public ByteSource {
 public:
  explicit HashingSource(ByteSource& from) : from_(from) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override;
  // Reads the rest and gives the digest of everything.
  Result<Digest> drain();
  std::uint64_t size_bytes() const { return size_; }

 private:
  ByteSource& from_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
};

// Most bytes of a tar stream: a layer's content, and headers for as many entries as there may be.
inline constexpr std::uint64_t kMaxTarBytes = kMaxLayerBytes + kMaxLayerEntries * 2048;

class LayerEntries {
 public:
  // `tar` (uncompressed) outlives it.
  static Result<LayerEntries> open(ByteSource& tar, std::string_view name, const Cancel& cancel);
  // The next entry, nullptr after the last; valid until the next call.
  Result<const Entry*> next();
  // Content of the current file; 0 at its end, when exactly its size was given.
  Result<std::size_t> read(std::span<std::byte> buffer);

 private:
  LayerEntries(TarReader reader, std::string_view name, const Cancel& cancel)
      : reader_(std::move(reader)), name_(name), cancel_(cancel) {}
  tl::unexpected<Error> wrong(std::string cause) const;
  Result<void> convert(const TarEntry& raw);

  TarReader reader_;
  std::string name_;
  Cancel cancel_;
  Entry entry_;
  std::uint64_t entries_ = 0;
  std::uint64_t entry_bytes_ = 0;
  std::uint64_t content_bytes_ = 0;
};

// All entries of `tar` to `sink`. Does not read what follows the archive's end marker.
Result<void> send_entries(ByteSource& tar, EntrySink& sink, std::string_view name, const Cancel& cancel);

}  // namespace scangate
