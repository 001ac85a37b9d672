#pragma once
// Blobs from files into the store with everything verified, shared by all archive forms. Private to this folder.
#include <functional>
#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/progress.h"
#include "pipeline/image/model.h"
#include "pipeline/image/store.h"

namespace scangate {

// Passes bytes on, tells progress and stops on cancel.
class WatchedSource final : public ByteSource {
 public:
  WatchedSource(ByteSource& from, std::string item, std::uint64_t total, const Cancel& cancel, Progress& progress)
      : from_(from), item_(std::move(item)), total_(total), cancel_(cancel), progress_(progress) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override;

 private:
  ByteSource& from_;
  std::string item_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  const Cancel& cancel_;
  Progress& progress_;
};

// A small document of an archive, digest and size verified.
Result<std::string> import_document(Store& store, ByteSource& from, const Descriptor& descriptor, std::size_t cap_bytes,
                                    std::string_view place);
// A layer blob: copied, its digest, size and diffID verified, recorded. Errors: Fault::user with `place`.
Result<void> import_layer(Store& store, ByteSource& from, const Descriptor& descriptor, const DiffId& diff_id,
                          const std::string& place);
// A layer whose digests nobody told: stored as it is when it is compressed, else compressed with gzip. Recorded.
Result<std::pair<DiffId, Descriptor>> import_unknown_layer(Store& store, ByteSource& from, const std::string& place);
// The diffID of a blob that is in the store already.
Result<void> verify_stored_layer(Store& store, const Descriptor& descriptor, const DiffId& diff_id,
                                 const std::string& place);

}  // namespace scangate
