#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/archive/compress.h"
#include "base/archive/decompress.h"
#include "base/archive/gzip_codec.h"
#include "base/archive/read_ahead.h"
#include "base/digest.h"

namespace scangate {
namespace {

// Bytes that deflate somewhat, the same on every run.
std::string sample(std::size_t size) {
  std::string out;
  std::uint32_t state = 12345;
  while (out.size() < size) {
    state = state * 1664525U + 1013904223U;
    out += (state >> 30U) == 0 ? "some words that come again " : std::string(1, static_cast<char>(state >> 24U));
  }
  out.resize(size);
  return out;
}

// Gives its text in pieces of a fixed size.
class PieceSource final : public ByteSource {
 public:
  PieceSource(std::string text, std::size_t piece) : text_(std::move(text)), piece_(piece) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    const std::size_t count = std::min({piece_, buffer.size(), text_.size() - at_});
    std::memcpy(buffer.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

std::string packed(const std::string& text, Packer packer, unsigned threads, std::size_t piece = 100'000,
                   std::optional<int> level = {}) {
  StringSink out(1U << 30U);
  CompressingSink sink(out, packer, threads, level);
  for (std::size_t at = 0; at < text.size(); at += piece)
    EXPECT_TRUE(sink.write(as_bytes(std::string_view(text).substr(at, piece))));
  EXPECT_TRUE(sink.finish());
  return out.text();
}

Result<std::string> unpacked(const std::string& bytes, std::size_t piece = 1U << 20U,
                             std::uint64_t cap_bytes = 1U << 30U) {
  PieceSource source(bytes, piece);
  const auto plain = decompressed(source, "input", cap_bytes);
  return read_all(*plain, 1U << 30U);
}

const std::vector<std::size_t> kSizes = {0, 1, 1000, (1U << 20U) - 1, 1U << 20U, (1U << 20U) + 1, 9'000'000};

TEST(CompressTest, EveryLevelComesBackAndGivesTheSameBytesAgain) {
  const std::string text = sample(1'200'000);
  for (const Packer packer : {Packer::gzip, Packer::zstd}) {
    for (const int level : {-1, 0, 1, 3, 5, 9, 100}) {
      const std::string first = packed(text, packer, 2, 100'000, level);
      const auto back = unpacked(first);
      ASSERT_TRUE(back) << back.error().text();
      EXPECT_TRUE(*back == text) << level;
      EXPECT_TRUE(packed(text, packer, 1, 70'000, level) == first) << level;
    }
  }
  EXPECT_LT(packed(text, Packer::gzip, 2, 100'000, 9).size(), packed(text, Packer::gzip, 2, 100'000, 0).size());
}

TEST(CompressTest, WhatWasPackedComesBack) {
  for (const Packer packer : {Packer::gzip, Packer::zstd}) {
    for (const std::size_t size : kSizes) {
      const std::string text = sample(size);
      const auto back = unpacked(packed(text, packer, 2));
      ASSERT_TRUE(back) << back.error().text();
      EXPECT_TRUE(*back == text) << size;
    }
  }
}

TEST(CompressTest, BytesDependNeitherOnThreadsNorOnPieces) {
  const std::string text = sample(9'000'000);
  for (const Packer packer : {Packer::gzip, Packer::zstd}) {
    const Digest expected = Digest::of(packed(text, packer, 1));
    for (const unsigned threads : {2U, 3U, 8U})
      EXPECT_EQ(Digest::of(packed(text, packer, threads)), expected);
    EXPECT_EQ(Digest::of(packed(text, packer, 2, 777)), expected);
  }
}

TEST(CompressTest, GzipHeaderHoldsNoTime) {
  EXPECT_EQ(packed("x", Packer::gzip, 1).substr(0, 10), std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10));
}

TEST(CompressTest, SinkErrorComesBackAndStopsEverything) {
  class FullSink final : public ByteSink {
   public:
    Result<void> write(Bytes) override { return fail(Fault::host, "disk full"); }
  } full;
  CompressingSink sink(full, Packer::gzip, 2);
  const std::string text = sample(1U << 20U);
  Result<void> result;
  // Ends: the queue is short, so an error is seen after a few pieces at the latest.
  for (int i = 0; i < 100 && result; ++i)
    result = sink.write(as_bytes(text));
  if (result) result = sink.finish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text(), "disk full");
}

TEST(CompressTest, UnfinishedSinkEnds) {
  StringSink out(1U << 30U);
  CompressingSink sink(out, Packer::gzip, 2);
  EXPECT_TRUE(sink.write(as_bytes(sample(5'000'000))));
}

TEST(DecompressTest, PlainBytesPassThrough) {
  for (const std::string& text : {std::string(), std::string("a"), std::string("\x1f"), sample(300'000)})
    EXPECT_EQ(unpacked(text, 3).value(), text);
}

TEST(DecompressTest, SeveralMembersAreOneStream) {
  const std::string first = sample(200'000);
  for (const Packer packer : {Packer::gzip, Packer::zstd}) {
    const std::string bytes = packed(first, packer, 1) + packed("", packer, 1) + packed("tail", packer, 1);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20U})
      EXPECT_TRUE(unpacked(bytes, piece).value() == first + "tail") << piece;
  }
}

// RFC 1952, section 2.3.1: extra field, name, comment and header checksum.
TEST(DecompressTest, OptionalHeaderFieldsAreSkipped) {
  const std::string plain = packed("hello", Packer::gzip, 1);
  const std::string fields = std::string("\x05\0extra", 7) + std::string("name\0", 5) + std::string("comment\0", 8);
  std::string header = plain.substr(0, 10);
  header[3] = 4 | 8 | 16;
  const std::string bytes = header + fields + plain.substr(10);
  EXPECT_EQ(unpacked(bytes, 1).value(), "hello");
  EXPECT_EQ(unpacked(bytes).value(), "hello");
}

TEST(DecompressTest, DamageIsTold) {
  const std::string gzip = packed(sample(100'000), Packer::gzip, 1);
  const std::string zstd = packed(sample(100'000), Packer::zstd, 1);
  const auto flipped = [](std::string bytes, std::size_t at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    return bytes;
  };
  const std::pair<std::string, std::string> cases[] = {
      {gzip.substr(0, gzip.size() - 1), "input: the gzip stream is truncated"},
      {gzip.substr(0, 11), "input: the gzip stream is truncated"},
      {flipped(gzip, gzip.size() - 7), "input: the gzip stream is damaged"},  // checksum
      {flipped(gzip, gzip.size() - 2), "input: the gzip stream is damaged"},  // length
      {gzip + "garbage", "input: the gzip stream is damaged"},
      {zstd.substr(0, zstd.size() - 1), "input: the zstd stream is truncated"},
      {flipped(zstd, zstd.size() - 1), "input: the zstd stream is damaged: Restored data doesn't match checksum"},
      {zstd + "garbage", "input: the zstd stream is damaged: Unknown frame descriptor"},
      {"BZh91AY&SY", "input: it is compressed with bzip2, layers may be gzip or zstd"},
  };
  for (const auto& [bytes, text] : cases) {
    const auto result = unpacked(bytes);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().text(), text);
    EXPECT_EQ(result.error().fault(), Fault::user);
  }
}

TEST(DecompressTest, OutputIsCapped) {
  const std::string bomb = packed(std::string(3'000'000, '\0'), Packer::gzip, 1);
  EXPECT_TRUE(unpacked(bomb, 1U << 20U, 3'000'000));
  const auto beyond = unpacked(bomb, 1U << 20U, 2'999'999);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().text(), "input: its content is larger than the allowed 2999999 bytes");
}

std::string inflate_all(MemberInflater& inflater, const std::string& text, std::size_t in_piece,
                        std::size_t out_piece) {
  std::string out;
  std::vector<std::byte> buffer(out_piece);
  std::size_t at = 0;
  inflater.start();
  Bytes in;
  for (int idle = 0; idle < 2;) {
    if (in.empty()) {
      in = as_bytes(std::string_view(text).substr(at, in_piece));
      at += in.size();
    }
    const std::size_t before = in.size();
    std::span<std::byte> room = buffer;
    const auto step = inflater.step(in, room);
    out.append(as_text(Bytes(buffer).first(buffer.size() - room.size())));
    if (step == MemberInflater::Step::done) return out + (in.empty() && at >= text.size() ? "" : "REST");
    if (step == MemberInflater::Step::damaged) return out + "DAMAGED";
    idle = in.size() == before && room.size() == buffer.size() ? idle + 1 : 0;
  }
  return out + "MORE";
}

TEST(GzipCodecTest, BothLibrariesReadWhatEitherWrites) {
  if (!isal_inflater()) GTEST_SKIP() << "ISA-L is not built in";
  const std::string text = sample(1'200'000);
  const auto pack = [&](PieceDeflater& deflater) {
    std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    std::uint32_t crc = 0;
    std::string dictionary;
    for (std::size_t at = 0; at < text.size(); at += 1'000'000) {
      const std::string piece = text.substr(at, 1'000'000);
      std::vector<std::byte> bytes;
      const std::uint32_t piece_crc = deflater.deflate(as_bytes(dictionary), as_bytes(piece), bytes);
      crc = at == 0 ? piece_crc : combine_crc(crc, piece_crc, piece.size());
      out.append(as_text(bytes));
      dictionary = piece.substr(piece.size() - 32768);
    }
    out += std::string("\x03\0", 2);
    for (const std::uint32_t value : {crc, static_cast<std::uint32_t>(text.size())})
      for (unsigned i = 0; i < 4; ++i)
        out.push_back(static_cast<char>(value >> (8 * i)));
    return out;
  };
  for (const auto& deflater : {zlib_deflater(), isal_deflater()}) {
    const std::string bytes = pack(*deflater);
    EXPECT_LT(bytes.size(), text.size());
    for (const auto& inflater : {zlib_inflater(), isal_inflater()})
      for (const std::size_t piece : {std::size_t{1}, std::size_t{4096}, bytes.size()})
        EXPECT_TRUE(inflate_all(*inflater, bytes, piece, 10'000) == text) << piece;
  }
}

TEST(GzipCodecTest, BothLibrariesRefuseTheSameHeaders) {
  const std::string good = packed("hello", Packer::gzip, 1);
  for (const auto& inflater : {zlib_inflater(), best_inflater()}) {
    EXPECT_EQ(inflate_all(*inflater, good, 100, 100), "hello");
    for (const auto& [at, value] : {std::pair{1, 0x8c}, std::pair{2, 7}, std::pair{3, 0x20}}) {
      std::string bad = good;
      bad[static_cast<std::size_t>(at)] = static_cast<char>(value);
      EXPECT_EQ(inflate_all(*inflater, bad, 100, 100), "DAMAGED") << at;
    }
  }
}

TEST(ReadAheadTest, GivesTheSameBytesAndTheError) {
  const std::string text = sample(5'000'000);
  {
    PieceSource source(text, 333'333);
    ReadAheadSource ahead(source);
    EXPECT_TRUE(read_all(ahead, 1U << 30U).value() == text);
  }
  class Failing final : public ByteSource {
   public:
    Result<std::size_t> read(std::span<std::byte> buffer) override {
      if (left_-- == 0) return fail(Fault::host, "disk broken");
      return buffer.size();
    }

   private:
    int left_ = 3;
  } failing;
  ReadAheadSource ahead(failing);
  const auto result = read_all(ahead, 1U << 30U);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text(), "disk broken");
}

TEST(ReadAheadTest, EndsBeforeItsSourceDoes) {
  PieceSource source(sample(50'000'000), 1U << 20U);
  ReadAheadSource ahead(source);
  std::byte one{};
  EXPECT_EQ(ahead.read({&one, 1}).value(), 1U);
}

}  // namespace
}  // namespace scangate
