#include "base/archive/zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "base/file.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;

struct Member {
  std::string name;
  std::string content;
};

std::string little(std::uint32_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i)
    out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::uint32_t crc_of(const std::string& text) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

std::string deflated(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// A zip file of deflated members, as Python's zipfile writes it.
std::string zip_of(const std::vector<Member>& members) {
  std::string body;
  std::string directory;
  for (const Member& member : members) {
    const std::string packed = deflated(member.content);
    const std::string common = little(20, 2) + little(0x0800, 2) + little(8, 2) + little(0, 4) +
                               little(crc_of(member.content), 4) +
                               little(static_cast<std::uint32_t>(packed.size()), 4) +
                               little(static_cast<std::uint32_t>(member.content.size()), 4) +
                               little(static_cast<std::uint32_t>(member.name.size()), 2) + little(0, 2);
    directory += "PK\x01\x02" + little(20, 2) + common + little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4) +
                 little(static_cast<std::uint32_t>(body.size()), 4) + member.name;
    body += "PK\x03\x04" + common + member.name + packed;
  }
  const auto count = static_cast<std::uint32_t>(members.size());
  return body + directory + "PK\x05\x06" + little(0, 4) + little(count, 2) + little(count, 2) +
         little(static_cast<std::uint32_t>(directory.size()), 4) + little(static_cast<std::uint32_t>(body.size()), 4) +
         little(0, 2);
}

class ZipTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::make(fs::temp_directory_path(), "zip-test-");
    ASSERT_TRUE(folder) << folder.error().text();
    folder_.emplace(std::move(*folder));
  }
  fs::path put(const std::string& bytes) {
    const fs::path path = folder_->path() / "all.zip";
    EXPECT_TRUE(write_file_atomic(path, as_bytes(bytes)));
    return path;
  }
  // All entries as "name=content", then the error without the folder's name, if any.
  std::vector<std::string> read(const fs::path& path, const ZipCaps& caps = {}) {
    std::vector<std::string> out;
    auto reader = ZipReader::open(path, caps);
    if (!reader) return {reader.error().cause()};
    for (;;) {
      auto entry = reader->next();
      if (!entry) {
        out.push_back("error: " + entry.error().cause());
        return out;
      }
      if (!*entry) return out;
      out.push_back(fmt::format("{}={}", (*entry)->name, (*entry)->content));
    }
  }
  std::optional<TempDir> folder_;
};

TEST_F(ZipTest, GivesFilesInOrderAndSkipsFolders) {
  const fs::path path =
      put(zip_of({{"b.json", "{}"}, {"folder/", ""}, {"folder/a\xc3\xa4.json", "[1]"}, {"empty", ""}}));
  EXPECT_THAT(read(path), testing::ElementsAre("b.json={}", "folder/a\xc3\xa4.json=[1]", "empty="));
}

TEST_F(ZipTest, ReadsContentLargerThanOnePiece) {
  const std::string large(300'000, 'x');
  EXPECT_THAT(read(put(zip_of({{"large", large}, {"small", "s"}}))), testing::ElementsAre("large=" + large, "small=s"));
}

TEST_F(ZipTest, TextFileIsRefused) {
  EXPECT_THAT(read(put("hello world, this is no archive at all")),
              testing::ElementsAre("not a zip file: Unrecognized archive format"));
}

TEST_F(ZipTest, EmptyFileIsRefused) {
  EXPECT_THAT(read(put("")), testing::ElementsAre("not a zip file: Unrecognized archive format"));
}

TEST_F(ZipTest, WrongChecksumIsTold) {
  std::string bytes = zip_of({{"a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}});
  bytes[14] = static_cast<char>(bytes[14] ^ 1);  // CRC in the local header
  const auto crc_in_directory = bytes.find("PK\x01\x02") + 16;
  bytes[crc_in_directory] = static_cast<char>(bytes[crc_in_directory] ^ 1);
  const auto got = read(put(bytes));
  ASSERT_EQ(got.size(), 1U);
  EXPECT_THAT(got[0], testing::StartsWith("error: entry 'a' is damaged: ZIP bad CRC"));
}

TEST_F(ZipTest, CapsAreEnforcedOnePastTheLimit) {
  const fs::path path = put(zip_of({{"a", "12345"}, {"b", "1234567"}}));
  EXPECT_THAT(read(path, {.entries = 2, .entry_bytes = 7, .total_bytes = 12}),
              testing::ElementsAre("a=12345", "b=1234567"));
  EXPECT_THAT(read(path, {.entries = 1}),
              testing::ElementsAre("a=12345", "error: it holds more than the allowed 1 entries"));
  EXPECT_THAT(read(path, {.entry_bytes = 6}),
              testing::ElementsAre("a=12345", "error: entry 'b' is larger than the allowed 6 bytes"));
  EXPECT_THAT(read(path, {.total_bytes = 11}),
              testing::ElementsAre("a=12345", "error: its content is larger than the allowed 11 bytes"));
}

TEST_F(ZipTest, TruncatedFileIsRefused) {
  const std::string bytes = zip_of({{"a", std::string(10000, 'q')}, {"b", "b"}});
  const auto got = read(put(bytes.substr(0, bytes.size() / 2)));
  ASSERT_FALSE(got.empty());
  EXPECT_THAT(got.back(), testing::HasSubstr("not a zip file"));
}

TEST_F(ZipTest, MissingFileIsAHostFault) {
  auto reader = ZipReader::open(folder_->path() / "missing.zip");
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().fault(), Fault::host);
}

}  // namespace
}  // namespace scangate
