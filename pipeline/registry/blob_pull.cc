#include "pipeline/registry/blob_pull.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/archive/decompress.h"
#include "base/cancel.h"
#include "pipeline/image/layer.h"

namespace scangate {
namespace {

// What may wait for decompression; the network is slower than it almost always.
constexpr std::size_t kMaxQueuedBytes = 4U << 20U;

Result<DiffId> hash_unpacked(ByteSource& packed, const std::string& name) {
  const auto plain = decompressed(packed, name, kMaxLayerBytes);
  Sha256 hash;
  std::vector<std::byte> buffer(256U << 10U);
  for (;;) {
    SCANGATE_TRY(const std::size_t count, plain->read(buffer));
    if (count == 0) return DiffId{hash.finish()};
    hash.update(Bytes(buffer).first(count));
  }
}

}  // namespace

struct DiffIdSink::State final : ByteSource {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::vector<std::byte>> queue;
  std::size_t queued = 0;
  std::size_t offset = 0;  // in the front piece
  bool ended = false;      // nothing more comes
  bool dropped = false;    // nobody wants the result
  bool reader_gone = false;
  std::optional<Result<DiffId>> result;
  std::thread thread;

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !queue.empty() || ended || dropped; });
    if (dropped) return fail(cancelled_error());
    if (queue.empty()) return 0;
    const auto& front = queue.front();
    const std::size_t count = std::min(buffer.size(), front.size() - offset);
    std::copy_n(front.begin() + static_cast<std::ptrdiff_t>(offset), count, buffer.begin());
    offset += count;
    if (offset == front.size()) {
      queued -= front.size();
      queue.pop_front();
      offset = 0;
      changed.notify_all();
    }
    return count;
  }
};

DiffIdSink::DiffIdSink(std::string name) : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get(), name = std::move(name)] {
    auto result = hash_unpacked(*state, name);
    const std::lock_guard lock(state->mutex);
    state->result = std::move(result);
    state->reader_gone = true;
    state->changed.notify_all();
  });
}

DiffIdSink::~DiffIdSink() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->dropped = true;
    state_->changed.notify_all();
  }
  if (state_->thread.joinable()) state_->thread.join();
}

Result<void> DiffIdSink::write(Bytes bytes) {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->queued < kMaxQueuedBytes || state_->reader_gone; });
  if (state_->reader_gone || bytes.empty()) return {};
  state_->queue.emplace_back(bytes.begin(), bytes.end());
  state_->queued += bytes.size();
  state_->changed.notify_all();
  return {};
}

Result<DiffId> DiffIdSink::finish() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ended = true;
    state_->changed.notify_all();
  }
  state_->thread.join();
  return std::move(*state_->result);
}

Result<DiffId> stored_diff_id(const Store& store, const Descriptor& blob) {
  const std::string name = "layer " + blob.digest.str();
  SCANGATE_TRY(UniqueFd fd, store.open_blob(blob.digest));
  FdSource file(std::move(fd), name);
  return hash_unpacked(file, name);
}

Result<void> BlobSink::write(Bytes bytes) {
  if (stop_) return fail(cancelled_error());
  SCANGATE_CHECK(blob_.write(bytes));
  if (layer_ != nullptr) SCANGATE_CHECK(layer_->write(bytes));
  if (on_bytes_) on_bytes_(blob_.size_bytes());
  return {};
}

}  // namespace scangate
