#include "executor/job/container_log.h"

#include <gtest/gtest.h>

#include <thread>

namespace scangate {
namespace {

using std::chrono::milliseconds;

std::vector<std::string> texts(const std::vector<LogLine>& lines) {
  std::vector<std::string> out;
  for (const auto& line : lines)
    out.push_back((line.stream == Stream::out ? "out:" : "err:") + line.text);
  return out;
}

std::vector<std::string> all(ContainerLog& log) {
  std::uint64_t from = 0;
  bool over = false;
  return texts(log.read(from, milliseconds(0), over));
}

using Lines = std::vector<std::string>;

TEST(ContainerLogTest, PiecesBecomeLinesOfTheirStream) {
  ContainerLog log(1000);
  log.append(Stream::out, "on");
  log.append(Stream::err, "wrong\n");
  log.append(Stream::out, "e\ntwo\nth");
  EXPECT_EQ(all(log), (Lines{"err:wrong\n", "out:one\n", "out:two\n"}));
  EXPECT_EQ(log.text(), "wrong\none\ntwo\nth");
  log.close();
  EXPECT_EQ(all(log), (Lines{"err:wrong\n", "out:one\n", "out:two\n", "out:th"}));
}

TEST(ContainerLogTest, TheOldestLinesGoFirst) {
  ContainerLog log(10);
  for (const char* line : {"1111\n", "2222\n", "3333\n"})
    log.append(Stream::out, line);
  EXPECT_EQ(all(log), (Lines{"out:2222\n", "out:3333\n"}));
  EXPECT_EQ(log.last(1), 2U);
  EXPECT_EQ(log.last(99), 1U);
  // One that was behind goes on with what there is.
  std::uint64_t from = 0;
  bool over = true;
  EXPECT_EQ(log.read(from, milliseconds(0), over).size(), 2U);
  EXPECT_EQ(from, 3U);
  EXPECT_FALSE(over);
  log.append(Stream::out, "longer than all that may be kept\n");
  EXPECT_EQ(all(log), Lines{});
}

TEST(ContainerLogTest, LinesWithoutAnEndAreCut) {
  ContainerLog log(1U << 20U);
  const std::string endless(kMaxContainerLogLine * 3 + 1, 'x');
  log.append(Stream::out, endless);
  EXPECT_EQ(all(log).size(), 3U);
  EXPECT_EQ(log.text(), endless);
}

TEST(ContainerLogTest, MemoryStaysWithinTheCapWhateverIsSaid) {
  constexpr std::size_t kCap = 100'000;
  ContainerLog log(kCap);
  for (int piece = 0; piece < 1000; ++piece) {
    log.append(Stream::out, std::string(997, 'o'));
    log.append(Stream::err, std::string(991, 'e'));
    ASSERT_LE(log.text().size(), kCap + 2 * kMaxContainerLogLine);
  }
}

TEST(ContainerLogTest, AReaderIsWokenAndToldOfTheEnd) {
  ContainerLog log(1000);
  Lines heard;
  std::thread reader([&] {
    std::uint64_t from = 0;
    for (bool over = false; !over;)
      for (const auto& line : texts(log.read(from, std::chrono::minutes(1), over)))
        heard.push_back(line);
  });
  log.append(Stream::out, "one\n");
  log.append(Stream::err, "two");
  log.close();
  reader.join();
  EXPECT_EQ(heard, (Lines{"out:one\n", "err:two"}));
}

TEST(ContainerLogTest, AContainerThatStartsAgainSaysMore) {
  ContainerLog log(1000);
  log.append(Stream::out, "first\n");
  log.close();
  log.reopen();
  std::uint64_t from = 0;
  bool over = true;
  EXPECT_EQ(texts(log.read(from, milliseconds(0), over)), Lines{"out:first\n"});
  EXPECT_FALSE(over);
  log.append(Stream::out, "second\n");
  EXPECT_EQ(texts(log.read(from, milliseconds(0), over)), Lines{"out:second\n"});
}

}  // namespace
}  // namespace scangate
