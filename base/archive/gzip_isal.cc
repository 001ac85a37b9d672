#include "base/archive/gzip_codec.h"

#ifdef SCANGATE_HAVE_ISAL
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>

namespace scangate {
namespace {

std::uint8_t* isal_bytes(const std::byte* bytes) {
  return reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(bytes));
}

// The header of a member, byte by byte: ISA-L's own parser wants all of it in its first buffer (intel/isa-l#224).
class HeaderReader {
 public:
  enum class Step { more, done, damaged };
  Step take(std::uint8_t byte) {
    switch (part_) {
      case Part::fixed:
        return take_fixed(byte);
      case Part::extra_length:
        left_ |= static_cast<unsigned>(byte) << (8U * count_);
        if (++count_ == 2) enter(left_ == 0 ? Part::name : Part::extra);
        break;
      case Part::extra:
        if (++count_ == left_) enter(Part::name);
        break;
      case Part::name:
        if (byte == 0) enter(Part::comment);
        break;
      case Part::comment:
        if (byte == 0) enter(Part::checksum);
        break;
      case Part::checksum:
        if (++count_ == 2) enter(Part::end);
        break;
      case Part::end:
        break;
    }
    return part_ == Part::end ? Step::done : Step::more;
  }

 private:
  enum class Part { fixed, extra_length, extra, name, comment, checksum, end };
  static constexpr unsigned kChecksum = 2, kExtra = 4, kName = 8, kComment = 16, kReserved = 0xE0;

  Step take_fixed(std::uint8_t byte) {
    constexpr std::uint8_t kExpected[] = {0x1f, 0x8b, 8};
    if (count_ < sizeof kExpected && byte != kExpected[count_]) return Step::damaged;
    if (count_ == 3) flags_ = byte;
    if ((flags_ & kReserved) != 0) return Step::damaged;
    if (++count_ == 10) enter(Part::extra_length);
    return part_ == Part::end ? Step::done : Step::more;
  }
  // Goes to `part`, or past it when the flags say that it is absent.
  void enter(Part part) {
    count_ = 0;
    if (part == Part::extra_length) left_ = 0;
    part_ = part;
    if (part == Part::extra_length && (flags_ & kExtra) == 0) return enter(Part::name);
    if (part == Part::name && (flags_ & kName) == 0) return enter(Part::comment);
    if (part == Part::comment && (flags_ & kComment) == 0) return enter(Part::checksum);
    if (part == Part::checksum && (flags_ & kChecksum) == 0) return enter(Part::end);
  }

  Part part_ = Part::fixed;
  unsigned flags_ = 0;
  unsigned count_ = 0;
  unsigned left_ = 0;
};

class IsalInflater final : public MemberInflater {
 public:
  void start() override {
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP_NO_HDR_VER;
    header_ = {};
    in_header_ = true;
  }
  Step step(Bytes& in, std::span<std::byte>& out) override {
    while (in_header_) {
      if (in.empty()) return Step::more;
      const auto part = header_.take(std::to_integer<std::uint8_t>(in.front()));
      in = in.subspan(1);
      if (part == HeaderReader::Step::damaged) return Step::damaged;
      in_header_ = part == HeaderReader::Step::more;
    }
    state_.next_in = isal_bytes(in.data());
    state_.avail_in = static_cast<std::uint32_t>(in.size());
    state_.next_out = isal_bytes(out.data());
    state_.avail_out = static_cast<std::uint32_t>(out.size());
    const int status = isal_inflate(&state_);
    in = in.subspan(in.size() - state_.avail_in);
    out = out.subspan(out.size() - state_.avail_out);
    if (status < 0) return Step::damaged;
    return state_.block_state == ISAL_BLOCK_FINISH ? Step::done : Step::more;
  }

 private:
  inflate_state state_{};
  HeaderReader header_;
  bool in_header_ = true;
};

class IsalDeflater final : public PieceDeflater {
 public:
  explicit IsalDeflater(unsigned level) : level_(level), level_buffer_(buffer_bytes(level)) {}

  std::uint32_t deflate(Bytes dictionary, Bytes piece, std::vector<std::byte>& out) override {
    isal_deflate_init(&stream_);
    stream_.level = level_;
    stream_.level_buf = level_buffer_.empty() ? nullptr : level_buffer_.data();
    stream_.level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
    stream_.gzip_flag = IGZIP_DEFLATE;
    stream_.flush = SYNC_FLUSH;
    stream_.end_of_stream = 0;
    if (!dictionary.empty())
      isal_deflate_set_dict(&stream_, isal_bytes(dictionary.data()), static_cast<std::uint32_t>(dictionary.size()));
    stream_.next_in = isal_bytes(piece.data());
    stream_.avail_in = static_cast<std::uint32_t>(piece.size());
    out.resize(piece.size() + piece.size() / 8 + 4096);
    std::size_t used = 0;
    for (;;) {
      stream_.next_out = isal_bytes(out.data() + used);
      stream_.avail_out = static_cast<std::uint32_t>(out.size() - used);
      isal_deflate(&stream_);
      used = out.size() - stream_.avail_out;
      if (stream_.avail_in == 0 && stream_.avail_out != 0) break;
      out.resize(out.size() * 2);
    }
    out.resize(used);
    return crc32_gzip_refl(0, isal_bytes(piece.data()), piece.size());
  }

 private:
  static std::size_t buffer_bytes(unsigned level) {
    constexpr std::size_t kBytes[] = {0, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};
    return kBytes[level];
  }

  isal_zstream stream_{};
  unsigned level_;
  std::vector<std::uint8_t> level_buffer_;
};

}  // namespace

std::unique_ptr<MemberInflater> isal_inflater() {
  return std::make_unique<IsalInflater>();
}
std::unique_ptr<PieceDeflater> isal_deflater(std::optional<int> level) {
  // Level 1: 8-12 % more bytes than gzip -6 at 15-22 times its speed; levels 2 and 3 cost more than they save.
  if (!level) return std::make_unique<IsalDeflater>(1U);
  const int gzip = std::clamp(*level, 0, 9);
  return std::make_unique<IsalDeflater>(static_cast<unsigned>((gzip + 2) / 3));
}

}  // namespace scangate

#else

namespace scangate {
std::unique_ptr<MemberInflater> isal_inflater() {
  return nullptr;
}
std::unique_ptr<PieceDeflater> isal_deflater(std::optional<int>) {
  return nullptr;
}
}  // namespace scangate

#endif
