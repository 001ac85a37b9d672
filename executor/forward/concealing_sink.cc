#include "executor/forward/concealing_sink.h"

namespace scangate {

Result<void> ConcealingSink::write(Bytes bytes) {
  held_ += as_text(bytes);
  held_ = broker_.conceal(held_);
  // A secret that begins in the last bytes may end in the next piece. What is kept is concealed already, and concealing
  // again changes nothing.
  const std::size_t kept = broker_.longest_encoding();
  if (held_.size() <= kept) return {};
  SCANGATE_CHECK(next_.write(as_bytes(std::string_view(held_).substr(0, held_.size() - kept))));
  held_.erase(0, held_.size() - kept);
  return {};
}

Result<void> ConcealingSink::finish() {
  SCANGATE_CHECK(next_.write(as_bytes(held_)));
  held_.clear();
  return {};
}

}  // namespace scangate
