#include "base/archive/decompress.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/archive/filtered.h"
#include "base/archive/gzip_codec.h"

namespace scangate {
namespace {

struct ReleaseDecoder {
  void operator()(ZSTD_DStream* stream) const noexcept { ZSTD_freeDStream(stream); }
};

// 128 MiB, the most that zstd decodes by default (ZSTD_WINDOWLOG_LIMIT_DEFAULT); more is only made with --long.
constexpr int kMaxWindowLog = 27;

class DecompressedSource final : public ByteSource {
 public:
  DecompressedSource(ByteSource& from, std::string name, std::uint64_t cap_bytes, Allowed allowed)
      : from_(from), name_(std::move(name)), cap_bytes_(cap_bytes), allowed_(allowed), plain_(*this) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (!detected_) SCANGATE_CHECK(detect());
    if (buffer.empty()) return 0;
    std::size_t count = 0;
    switch (packing_) {
      case Packing::gzip: {
        SCANGATE_TRY(count, read_gzip(buffer));
        break;
      }
      case Packing::zstd: {
        SCANGATE_TRY(count, read_zstd(buffer));
        break;
      }
      case Packing::xz:
      case Packing::bzip2: {
        SCANGATE_TRY(count, filtered_->read(buffer));
        break;
      }
      case Packing::none: {
        SCANGATE_TRY(count, read_plain(buffer));
        break;
      }
    }
    given_bytes_ += count;
    if (given_bytes_ > cap_bytes_)
      return wrong(fmt::format("its content is larger than the allowed {} bytes", cap_bytes_));
    return count;
  }

 private:
  tl::unexpected<Error> wrong(std::string cause) const { return fail(Error(Fault::user, std::move(cause)).at(name_)); }

  Result<void> detect() {
    while (have_ < 6) {
      SCANGATE_TRY(const std::size_t count, from_.read(std::span(buffer_).subspan(have_)));
      if (count == 0) break;
      have_ += count;
    }
    in_ = Bytes(buffer_).first(have_);
    packing_ = packing_of(in_);
    detected_ = true;
    if (packing_ == Packing::xz || packing_ == Packing::bzip2) {
      if (allowed_ != Allowed::archives)
        return wrong(fmt::format("it is compressed with {}, layers may be gzip or zstd", packing_name(packing_)));
      SCANGATE_TRY(filtered_, open_filtered(plain_, packing_, name_));
    } else if (packing_ == Packing::gzip) {
      inflater_ = best_inflater();
    } else if (packing_ == Packing::zstd) {
      decoder_.reset(ZSTD_createDStream());
      if (!decoder_) return fail(Fault::host, "cannot decompress zstd: out of memory");
      ZSTD_DCtx_setParameter(decoder_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
    }
    return {};
  }

  // False at the end of the input.
  Result<bool> refill() {
    if (!in_.empty()) return true;
    SCANGATE_TRY(const std::size_t count, from_.read(buffer_));
    in_ = Bytes(buffer_).first(count);
    return count != 0;
  }

  Result<std::size_t> read_plain(std::span<std::byte> buffer) {
    if (in_.empty()) return from_.read(buffer);
    const std::size_t count = std::min(in_.size(), buffer.size());
    std::memcpy(buffer.data(), in_.data(), count);
    in_ = in_.subspan(count);
    return count;
  }

  Result<std::size_t> read_gzip(std::span<std::byte> buffer) {
    for (;;) {
      SCANGATE_TRY(const bool more, refill());
      if (!in_member_) {
        if (!more) return 0;
        inflater_->start();
        in_member_ = true;
      }
      std::span<std::byte> out = buffer;
      const auto step = inflater_->step(in_, out);
      if (step == MemberInflater::Step::damaged) return wrong("the gzip stream is damaged");
      if (step == MemberInflater::Step::done) in_member_ = false;
      const std::size_t count = buffer.size() - out.size();
      if (count != 0) return count;
      if (!more && in_member_) return wrong("the gzip stream is truncated");
    }
  }

  Result<std::size_t> read_zstd(std::span<std::byte> buffer) {
    for (;;) {
      SCANGATE_TRY(const bool more, refill());
      if (!in_member_ && !more) return 0;
      ZSTD_inBuffer in{in_.data(), in_.size(), 0};
      ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
      const std::size_t status = ZSTD_decompressStream(decoder_.get(), &out, &in);
      in_ = in_.subspan(in.pos);
      if (ZSTD_isError(status) != 0)
        return wrong(fmt::format("the zstd stream is damaged: {}", ZSTD_getErrorName(status)));
      in_member_ = status != 0;
      if (out.pos != 0) return out.pos;
      if (!more && in_member_) return wrong("the zstd stream is truncated");
    }
  }

  // What detect() looked at and the rest, as they are.
  class Plain final : public ByteSource {
   public:
    explicit Plain(DecompressedSource& of) : of_(of) {}
    Result<std::size_t> read(std::span<std::byte> buffer) override { return of_.read_plain(buffer); }

   private:
    DecompressedSource& of_;
  };

  ByteSource& from_;
  std::string name_;
  std::uint64_t cap_bytes_;
  Allowed allowed_;
  Plain plain_;
  std::unique_ptr<ByteSource> filtered_;
  std::uint64_t given_bytes_ = 0;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(1U << 17U);
  std::size_t have_ = 0;
  Bytes in_;
  bool detected_ = false;
  bool in_member_ = false;
  Packing packing_ = Packing::none;
  std::unique_ptr<MemberInflater> inflater_;
  std::unique_ptr<ZSTD_DStream, ReleaseDecoder> decoder_;
};

}  // namespace

std::string_view packing_name(Packing packing) {
  switch (packing) {
    case Packing::none:
      return "none";
    case Packing::gzip:
      return "gzip";
    case Packing::zstd:
      return "zstd";
    case Packing::xz:
      return "xz";
    case Packing::bzip2:
      return "bzip2";
  }
  return "none";
}

Packing packing_of(Bytes head) {
  using std::string_view_literals::operator""sv;
  const std::string_view text = as_text(head);
  if (text.starts_with("\x1f\x8b"sv)) return Packing::gzip;
  if (text.starts_with("\x28\xb5\x2f\xfd"sv)) return Packing::zstd;
  // A skippable frame may come first: RFC 8878, section 3.1.2.
  if (text.size() >= 4 && (static_cast<unsigned char>(text[0]) & 0xF0U) == 0x50U &&
      text.substr(1, 3) == "\x2a\x4d\x18"sv)
    return Packing::zstd;
  if (text.starts_with("\xfd"
                       "7zXZ\0"sv))
    return Packing::xz;
  if (text.starts_with("BZh"sv)) return Packing::bzip2;
  return Packing::none;
}

std::unique_ptr<ByteSource> decompressed(ByteSource& from, std::string name, std::uint64_t cap_bytes, Allowed allowed) {
  return std::make_unique<DecompressedSource>(from, std::move(name), cap_bytes, allowed);
}

}  // namespace scangate
