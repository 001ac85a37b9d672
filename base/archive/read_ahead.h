#pragma once
// Reading in a thread of its own, so that producing bytes (disk, hash, inflate) and using them overlap.
#include <memory>

#include "base/bytes.h"

namespace scangate {

// Gives the bytes of `from`, read up to 4 MiB ahead. One thread at a time; `from` outlives it and is used by the other
// thread until stop() or the end of life.
class ReadAheadSource final : public ByteSource {
 public:
  explicit ReadAheadSource(ByteSource& from);
  ~ReadAheadSource() override;
  ReadAheadSource(const ReadAheadSource&) = delete;
  ReadAheadSource& operator=(const ReadAheadSource&) = delete;
  Result<std::size_t> read(std::span<std::byte> buffer) override;
  // Ends the thread; what it read ahead is lost.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace scangate
