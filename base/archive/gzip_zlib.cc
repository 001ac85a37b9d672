#include <zlib.h>

#include <algorithm>

#include <new>

#include "base/archive/gzip_codec.h"

namespace scangate {
namespace {

constexpr int kGzipWindow = 15 + 16;  // 32 KiB window, gzip header and trailer
constexpr int kRawWindow = -15;

Bytef* zlib_bytes(const std::byte* bytes) {
  return reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes));  // zlib 1.2 has no const in z_stream
}

class ZlibInflater final : public MemberInflater {
 public:
  ZlibInflater() {
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK) throw std::bad_alloc();
  }
  ~ZlibInflater() override { inflateEnd(&stream_); }
  ZlibInflater(const ZlibInflater&) = delete;
  ZlibInflater& operator=(const ZlibInflater&) = delete;

  void start() override { inflateReset(&stream_); }
  Step step(Bytes& in, std::span<std::byte>& out) override {
    stream_.next_in = zlib_bytes(in.data());
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    in = in.subspan(in.size() - stream_.avail_in);
    out = out.subspan(out.size() - stream_.avail_out);
    if (status == Z_STREAM_END) return Step::done;
    return status == Z_OK || status == Z_BUF_ERROR ? Step::more : Step::damaged;
  }

 private:
  z_stream stream_{};
};

constexpr int kGzipLevel = 6;  // what gzip(1) does

class ZlibDeflater final : public PieceDeflater {
 public:
  explicit ZlibDeflater(int level) {
    if (deflateInit2(&stream_, level, Z_DEFLATED, kRawWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  }
  ~ZlibDeflater() override { deflateEnd(&stream_); }
  ZlibDeflater(const ZlibDeflater&) = delete;
  ZlibDeflater& operator=(const ZlibDeflater&) = delete;

  std::uint32_t deflate(Bytes dictionary, Bytes piece, std::vector<std::byte>& out) override {
    deflateReset(&stream_);
    if (!dictionary.empty())
      deflateSetDictionary(&stream_, zlib_bytes(dictionary.data()), static_cast<uInt>(dictionary.size()));
    stream_.next_in = zlib_bytes(piece.data());
    stream_.avail_in = static_cast<uInt>(piece.size());
    out.resize(deflateBound(&stream_, piece.size()) + 16);  // and room for the flush marker
    std::size_t used = 0;
    do {
      if (used == out.size()) out.resize(out.size() * 2);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + used);
      stream_.avail_out = static_cast<uInt>(out.size() - used);
      ::deflate(&stream_, Z_SYNC_FLUSH);
      used = out.size() - stream_.avail_out;
    } while (stream_.avail_out == 0);
    out.resize(used);
    return static_cast<std::uint32_t>(crc32_z(0, zlib_bytes(piece.data()), piece.size()));
  }

 private:
  z_stream stream_{};
};

}  // namespace

std::unique_ptr<MemberInflater> zlib_inflater() {
  return std::make_unique<ZlibInflater>();
}
std::unique_ptr<PieceDeflater> zlib_deflater(std::optional<int> level) {
  return std::make_unique<ZlibDeflater>(std::clamp(level.value_or(kGzipLevel), 0, 9));
}

std::uint32_t combine_crc(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes) {
  return static_cast<std::uint32_t>(crc32_combine(first, second, static_cast<z_off_t>(second_bytes)));
}

}  // namespace scangate
