#include "base/archive/read_ahead.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace scangate {
namespace {
constexpr std::size_t kBlock = 512U << 10U;
constexpr std::size_t kBlocks = 8;
}  // namespace

struct ReadAheadSource::State {
  using Block = std::vector<std::byte>;

  explicit State(ByteSource& source) : from(source), thread([this] { fill(); }) {}

  // Fills a whole block when the source gives little at a time: a hand-over costs two wake-ups.
  Result<std::size_t> fill_block(Block& block) {
    std::size_t have = 0;
    while (have < block.size()) {
      SCANGATE_TRY(const std::size_t count, from.read(std::span(block).subspan(have)));
      if (count == 0) break;
      have += count;
    }
    return have;
  }

  void fill() {
    std::unique_lock lock(mutex);
    while (!stopped) {
      Block block;
      if (!spare.empty()) {
        block = std::move(spare.back());
        spare.pop_back();
      }
      lock.unlock();
      block.resize(kBlock);
      auto count = fill_block(block);
      lock.lock();
      if (!count) error = std::move(count).error();
      if (!count || *count == 0) break;
      block.resize(*count);
      blocks.push_back(std::move(block));
      changed.notify_all();
      changed.wait(lock, [&] { return stopped || blocks.size() < kBlocks; });
    }
    ended = true;
    changed.notify_all();
  }

  ByteSource& from;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Block> blocks;
  std::vector<Block> spare;
  std::optional<Error> error;
  bool ended = false;
  bool stopped = false;
  // The reader's own.
  Block current;
  std::size_t offset = 0;
  std::thread thread;  // last: uses all of the above
};

ReadAheadSource::ReadAheadSource(ByteSource& from) : state_(std::make_unique<State>(from)) {}
ReadAheadSource::~ReadAheadSource() {
  stop();
}

void ReadAheadSource::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopped = true;
  }
  state_->changed.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

Result<std::size_t> ReadAheadSource::read(std::span<std::byte> buffer) {
  State& state = *state_;
  if (state.offset == state.current.size()) {
    std::unique_lock lock(state.mutex);
    state.changed.wait(lock, [&] { return !state.blocks.empty() || state.ended; });
    if (state.blocks.empty()) {
      if (state.error) return fail(*state.error);
      return 0;
    }
    if (!state.current.empty()) state.spare.push_back(std::move(state.current));
    state.current = std::move(state.blocks.front());
    state.blocks.pop_front();
    state.offset = 0;
    state.changed.notify_all();
  }
  const std::size_t count = std::min(buffer.size(), state.current.size() - state.offset);
  std::memcpy(buffer.data(), state.current.data() + state.offset, count);
  state.offset += count;
  return count;
}

}  // namespace scangate
