#pragma once
// Taking a blob in: into the store and, for a layer, through decompression for its diffID, in one pass.
#include <atomic>
#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/digest.h"
#include "pipeline/image/store.h"

namespace scangate {

// Computes the diffID of a compressed layer on a thread of its own, from the bytes as they come.
class DiffIdSink final : public ByteSink {
 public:
  explicit DiffIdSink(std::string name);
  ~DiffIdSink() override;
  // Waits while the other thread is behind. Never an Error: finish() tells.
  Result<void> write(Bytes bytes) override;
  Result<DiffId> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same for a blob that the store has.
Result<DiffId> stored_diff_id(const Store& store, const Descriptor& blob);

// Where a download goes. Stops when `stop` is set.
class BlobSink final : public ByteSink {
 public:
  using OnBytes = std::function<void(std::uint64_t)>;
  // `layer` may be null; both outlive the sink.
  BlobSink(BlobWriter& blob, DiffIdSink* layer, const std::atomic<bool>& stop, OnBytes on_bytes)
      : blob_(blob), layer_(layer), stop_(stop), on_bytes_(std::move(on_bytes)) {}
  Result<void> write(Bytes bytes) override;

 private:
  BlobWriter& blob_;
  DiffIdSink* layer_;
  const std::atomic<bool>& stop_;
  OnBytes on_bytes_;
};

}  // namespace scangate
