#pragma once
// Compression on worker threads with bytes that do not depend on their number.
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"

namespace scangate {

enum class Packer {
  gzip,  // one member (RFC 1952) without time or name; ISA-L level 1, zlib level 6 where that is not built in
  zstd,  // frames of 4 MiB each (RFC 8878), level 3, with checksums
};

// Cuts its input at fixed places, compresses the pieces on threads of its own and writes them in order. Same input and
// same library, same bytes. Holds at most a few pieces per thread. write() and finish() from one thread at a time.
class CompressingSink final : public ByteSink {
 public:
  // `to` outlives the sink and is written to from another thread until finish() returns. `threads` 0: what the machine
  // has, at most 8. `level`: gzip 0 to 9 (on ISA-L 0 is its level 0, 1 to 3 are 1, 4 to 6 are 2, 7 to 9 are 3), zstd 1
  // to 22 (above 19 as 19: more memory for nothing, with frames of 4 MiB); others as the nearest.
  CompressingSink(ByteSink& to, Packer packer, unsigned threads = 0, std::optional<int> level = {});
  ~CompressingSink() override;  // without finish(): drops what is under way
  CompressingSink(const CompressingSink&) = delete;
  CompressingSink& operator=(const CompressingSink&) = delete;

  // An Error of `to` comes back from the next write() or finish().
  Result<void> write(Bytes bytes) override;
  // Flushes and waits. Once.
  Result<void> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace scangate
