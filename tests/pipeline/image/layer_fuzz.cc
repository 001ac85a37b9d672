// Any bytes as a layer: every entry that comes out must be clean, and our own writer must take it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "pipeline/image/layer.h"

namespace {

using namespace scangate;

bool is_clean(std::string_view path) {
  if (path.size() > kMaxPathBytes || path.starts_with('/') || path.ends_with('/')) return false;
  const std::string framed = "/" + std::string(path) + "/";
  return framed == "//" || (framed.find("//") == std::string::npos && framed.find("/./") == std::string::npos &&
                            framed.find("/../") == std::string::npos);
}

class CheckingSink final : public EntrySink {
 public:
  Result<Want> begin_entry(const Entry& entry) override {
    if (!is_clean(entry.path)) std::abort();
    if (entry.type == EntryType::hardlink && (!is_clean(entry.link_target) || entry.link_target.empty())) std::abort();
    if (entry.type != EntryType::file && entry.size_bytes != 0) std::abort();
    left_ = entry.size_bytes;
    // Holes are cheap to announce and dear to fill.
    skipped_ = entry.size_bytes > (4U << 20U);
    return skipped_ ? Want::skip : Want::content;
  }
  Result<void> content(Bytes bytes) override {
    if (bytes.size() > left_) std::abort();
    left_ -= bytes.size();
    return {};
  }
  Result<void> end_entry() override {
    if (left_ != 0 && !skipped_) std::abort();
    return {};
  }

 private:
  std::uint64_t left_ = 0;
  bool skipped_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  StringSource bytes(std::string(reinterpret_cast<const char*>(data), size));
  CheckingSink sink;
  static_cast<void>(read_tar_entries(bytes, sink, "fuzz"));
  return 0;
}
