#include "base/archive/compress.h"

#include <zstd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/archive/gzip_codec.h"

namespace scangate {
namespace {

// gzip pieces keep the 32 KiB before them as dictionary, so small ones cost no ratio; 1 MiB keeps the buffers in cache.
constexpr std::size_t kGzipPiece = 1U << 20U;
// A zstd frame starts without history: 4 MiB keeps the loss below 1 %.
constexpr std::size_t kZstdPiece = 4U << 20U;
constexpr std::size_t kDictionary = 32U << 10U;
constexpr int kZstdLevel = 3;
constexpr int kMaxZstdLevel = 19;
constexpr unsigned kMaxThreads = 8;

using Buffer = std::vector<std::byte>;

// One piece on its way from the producer through a worker to the writer.
struct Piece {
  Buffer dictionary;
  Buffer input;
  Buffer output;
  std::uint32_t crc = 0;
  bool taken = false;
  bool done = false;
  std::optional<Error> error;
};

struct ReleaseEncoder {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
};

// What one worker thread compresses with.
class PieceCompressor {
 public:
  PieceCompressor(Packer packer, std::optional<int> level) {
    if (packer == Packer::gzip) {
      deflater_ = best_deflater(level);
    } else {
      encoder_.reset(ZSTD_createCCtx());
      ZSTD_CCtx_setParameter(encoder_.get(), ZSTD_c_compressionLevel,
                             level ? std::clamp(*level, 1, kMaxZstdLevel) : kZstdLevel);
      ZSTD_CCtx_setParameter(encoder_.get(), ZSTD_c_checksumFlag, 1);
    }
  }
  void compress(Piece& piece) {
    if (deflater_) {
      piece.crc = deflater_->deflate(piece.dictionary, piece.input, piece.output);
      return;
    }
    piece.output.resize(ZSTD_compressBound(piece.input.size()));
    const std::size_t size = ZSTD_compress2(encoder_.get(), piece.output.data(), piece.output.size(),
                                            piece.input.data(), piece.input.size());
    if (ZSTD_isError(size) != 0)
      piece.error = Error(Fault::host, fmt::format("cannot compress with zstd: {}", ZSTD_getErrorName(size)));
    else
      piece.output.resize(size);
  }

 private:
  std::unique_ptr<PieceDeflater> deflater_;
  std::unique_ptr<ZSTD_CCtx, ReleaseEncoder> encoder_;
};

}  // namespace

struct CompressingSink::State {
  State(ByteSink& sink, Packer kind, unsigned count, std::optional<int> packing_level)
      : to(sink),
        packer(kind),
        level(packing_level),
        piece_bytes(kind == Packer::gzip ? kGzipPiece : kZstdPiece),
        most(count + 2) {
    current.reserve(piece_bytes);
    for (unsigned i = 0; i < count; ++i)
      threads.emplace_back([this] { work(); });
    threads.emplace_back([this] { write_out(); });
  }
  ~State() {
    {
      const std::lock_guard lock(mutex);
      stopped = true;
    }
    changed.notify_all();
    for (std::thread& thread : threads)
      if (thread.joinable()) thread.join();
  }

  // Hands `current` to the workers.
  Result<void> submit() {
    auto piece = std::make_unique<Piece>();
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return pieces.size() < most || error; });
    if (error) return fail(*error);
    if (!spare.empty()) {
      piece = std::move(spare.back());
      spare.pop_back();
      *piece = Piece{.dictionary = std::move(piece->dictionary),
                     .input = std::move(piece->input),
                     .output = std::move(piece->output)};
    }
    lock.unlock();
    piece->dictionary.assign(dictionary.begin(), dictionary.end());
    piece->input.swap(current);
    if (packer == Packer::gzip) {
      const Bytes tail = Bytes(piece->input).last(std::min(kDictionary, piece->input.size()));
      dictionary.assign(tail.begin(), tail.end());
    }
    current.clear();
    current.reserve(piece_bytes);
    lock.lock();
    pieces.push_back(std::move(piece));
    lock.unlock();
    changed.notify_all();
    return {};
  }

  void work() {
    PieceCompressor compressor(packer, level);
    std::unique_lock lock(mutex);
    for (;;) {
      Piece* next = nullptr;
      changed.wait(lock, [&] {
        const auto found = std::find_if(pieces.begin(), pieces.end(), [](const auto& piece) { return !piece->taken; });
        next = found == pieces.end() ? nullptr : found->get();
        return next != nullptr || stopped || ended;
      });
      if (stopped || next == nullptr) return;
      next->taken = true;
      lock.unlock();
      compressor.compress(*next);
      lock.lock();
      next->done = true;
      changed.notify_all();
    }
  }

  void write_out() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stopped || (pieces.empty() ? ended : pieces.front()->done); });
      if (stopped || pieces.empty()) return;
      Piece& piece = *pieces.front();
      lock.unlock();
      auto written = write_piece(piece);
      lock.lock();
      if (!written) {
        error = std::move(written).error();
        stopped = true;
        changed.notify_all();
        return;
      }
      spare.push_back(std::move(pieces.front()));
      pieces.pop_front();
      changed.notify_all();
    }
  }

  Result<void> write_piece(Piece& piece) {
    if (piece.error) return fail(std::move(*piece.error));
    if (packer == Packer::gzip) {
      SCANGATE_CHECK(write_header());
      crc = combine_crc(crc, piece.crc, piece.input.size());
      input_bytes += piece.input.size();
    }
    return to.write(piece.output);
  }

  Result<void> write_header() {
    if (std::exchange(header_written, true)) return {};
    // No flags, no time, no extra flags, unknown system: RFC 1952, section 2.3.
    constexpr char kHeader[] = {'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 0, '\xff'};
    return to.write(as_bytes(std::string_view(kHeader, sizeof kHeader)));
  }

  Result<void> write_trailer() {
    if (packer == Packer::zstd) return {};
    SCANGATE_CHECK(write_header());
    std::string trailer("\x03\x00", 2);  // an empty last block: the pieces before it end with a flush only
    for (const std::uint32_t value : {crc, static_cast<std::uint32_t>(input_bytes)})
      for (unsigned i = 0; i < 4; ++i)
        trailer.push_back(static_cast<char>(value >> (8 * i)));
    return to.write(as_bytes(trailer));
  }

  ByteSink& to;
  const Packer packer;
  const std::optional<int> level;
  const std::size_t piece_bytes;
  const std::size_t most;  // pieces under way
  // The producer's own.
  Buffer current;
  Buffer dictionary;
  bool any = false;
  // The writer's own.
  std::uint32_t crc = 0;
  std::uint64_t input_bytes = 0;
  bool header_written = false;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::unique_ptr<Piece>> pieces;
  std::vector<std::unique_ptr<Piece>> spare;
  bool ended = false;    // no more pieces will come
  bool stopped = false;  // drop everything
  std::optional<Error> error;
  std::vector<std::thread> threads;  // last: they use all of the above
};

CompressingSink::CompressingSink(ByteSink& to, Packer packer, unsigned threads, std::optional<int> level) {
  if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMaxThreads);
  state_ = std::make_unique<State>(to, packer, threads, level);
}
CompressingSink::~CompressingSink() = default;

Result<void> CompressingSink::write(Bytes bytes) {
  State& state = *state_;
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), state.piece_bytes - state.current.size());
    state.current.insert(state.current.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    bytes = bytes.subspan(count);
    if (state.current.size() == state.piece_bytes) {
      state.any = true;
      SCANGATE_CHECK(state.submit());
    }
  }
  return {};
}

Result<void> CompressingSink::finish() {
  State& state = *state_;
  // zstd has no empty stream: nothing at all becomes one empty frame.
  if (!state.current.empty() || (!state.any && state.packer == Packer::zstd)) SCANGATE_CHECK(state.submit());
  {
    const std::lock_guard lock(state.mutex);
    state.ended = true;
  }
  state.changed.notify_all();
  for (std::thread& thread : state.threads)
    thread.join();
  if (state.error) return fail(*state.error);
  return state.write_trailer();
}

}  // namespace scangate
