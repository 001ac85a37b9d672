#include "pipeline/build/cache_mounts.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "base/file.h"

namespace scangate::build {
namespace {

class CacheMountsTest : public testing::Test {
 protected:
  static RunMount mount(const std::string& id, Sharing sharing = Sharing::shared) {
    RunMount out;
    out.type = MountType::cache;
    out.id = id;
    out.target = "/c";
    out.sharing = sharing;
    out.uid = ::getuid();
    out.gid = ::getgid();
    return out;
  }
  HeldCache take(const RunMount& wanted, const std::string& project = "p") {
    auto held = CacheMounts(root_, project).take(wanted, "", {}, Cancel(), {});
    EXPECT_TRUE(held) << (held ? "" : held.error().text());
    return std::move(*held);
  }
  static void put(const HeldCache& cache, std::size_t bytes) {
    EXPECT_TRUE(write_file_atomic(cache.data() / "f", as_bytes(std::string(bytes, 'x'))));
  }
  // As if it had been used that long ago.
  static void age(const std::filesystem::path& data, std::chrono::seconds by) {
    const auto at = std::time(nullptr) - by.count();
    const timespec times[2] = {{.tv_sec = at, .tv_nsec = 0}, {.tv_sec = at, .tv_nsec = 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (data.parent_path() / "lock").c_str(), times, 0), 0);
  }
  TempDir folder_ = *TempDir::make(std::filesystem::temp_directory_path(), "caches-");
  std::filesystem::path root_ = folder_.path() / "mounts";
};

TEST_F(CacheMountsTest, AreApartByProjectIdOwnerModeAndBeginning) {
  RunMount other_mode = mount("a");
  other_mode.mode = 0700;
  const CacheMounts one(root_, "one");
  const CacheMounts two(root_, "two");
  const auto plain = one.folder_of(mount("a"), "");
  EXPECT_EQ(one.folder_of(mount("a", Sharing::locked), ""), plain);
  EXPECT_NE(one.folder_of(mount("b"), ""), plain);
  EXPECT_NE(two.folder_of(mount("a"), ""), plain);
  EXPECT_NE(one.folder_of(other_mode, ""), plain);
  EXPECT_NE(one.folder_of(mount("a"), "content"), plain);
}

TEST_F(CacheMountsTest, SharedOnesAreHeldTogether) {
  const HeldCache first = take(mount("a"));
  const HeldCache second = take(mount("a"));
  EXPECT_EQ(first.data(), second.data());
  struct stat info{};
  ASSERT_EQ(::stat(first.data().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0755U);
}

TEST_F(CacheMountsTest, PrivateOnesGetAnotherWhileTheFirstIsInUse) {
  auto first = std::make_optional(take(mount("a", Sharing::separately)));
  const HeldCache second = take(mount("a", Sharing::separately));
  EXPECT_NE(first->data(), second.data());
  const auto path = first->data();
  first.reset();
  EXPECT_EQ(take(mount("a", Sharing::separately)).data(), path);
}

TEST_F(CacheMountsTest, LockedOnesWaitAndSaySo) {
  auto first = std::make_optional(take(mount("a")));
  Cancel cancel;
  int told = 0;
  std::thread waiter([&] {
    const auto held = CacheMounts(root_, "p").take(mount("a", Sharing::locked), "", {}, cancel, [&] {
      ++told;
      cancel.cancel();
    });
    EXPECT_EQ(held ? "" : held.error().text(), "stopped on request");
  });
  waiter.join();
  EXPECT_EQ(told, 1);
  first.reset();
  EXPECT_TRUE(std::filesystem::exists(take(mount("a", Sharing::locked)).data()));
}

TEST_F(CacheMountsTest, AFailedBeginningIsTriedAgain) {
  const CacheMounts caches(root_, "p");
  const auto broken = [](const std::filesystem::path& to) -> Result<void> {
    std::filesystem::create_directories(to / "half");
    return fail(Fault::user, "it broke");
  };
  EXPECT_FALSE(caches.take(mount("a"), "c", broken, Cancel(), {}));
  const auto held = caches.take(
      mount("a"), "c", [](const std::filesystem::path& to) { return make_directories(to / "whole"); }, Cancel(), {});
  ASSERT_TRUE(held);
  EXPECT_TRUE(std::filesystem::exists(held->data() / "whole"));
  EXPECT_FALSE(std::filesystem::exists(held->data() / "half"));
}

TEST_F(CacheMountsTest, SweepRemovesTheOldAndThenTheLongestUnused) {
  for (const auto& [id, hours] : {std::pair("old", 100), {"middle", 3}, {"young", 1}}) {
    const HeldCache held = take(mount(id));
    put(held, 100'000);
    age(held.data(), std::chrono::hours(hours));
  }
  const auto nothing = CacheMounts::sweep(root_, 1U << 30U, std::chrono::hours(200));
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->removed, 0U);
  EXPECT_EQ(CacheMounts::sweep(root_, 1U << 30U, std::chrono::hours(50))->removed, 1U);
  EXPECT_EQ(CacheMounts::sweep(root_, 150'000, std::chrono::hours(50))->removed, 1U);
  EXPECT_TRUE(std::filesystem::exists(CacheMounts(root_, "p").folder_of(mount("young"), "") / "0/data/f"));
  EXPECT_FALSE(std::filesystem::exists(CacheMounts(root_, "p").folder_of(mount("middle"), "")));
}

TEST_F(CacheMountsTest, SweepLeavesWhatIsInUse) {
  const HeldCache held = take(mount("a"));
  put(held, 10);
  age(held.data(), std::chrono::hours(100));
  EXPECT_EQ(CacheMounts::sweep(root_, 0, std::chrono::hours(1))->removed, 0U);
  EXPECT_TRUE(std::filesystem::exists(held.data() / "f"));
}

TEST_F(CacheMountsTest, SweepIsNotDoneAllTheTime) {
  ASSERT_TRUE(CacheMounts::sweep_sometimes(root_, 0, std::chrono::hours(1)));
  take(mount("a"));
  ASSERT_TRUE(CacheMounts::sweep_sometimes(root_, 0, std::chrono::hours(1)));
  const auto data = take(mount("b")).data();
  ASSERT_TRUE(CacheMounts::sweep_sometimes(root_, 0, std::chrono::hours(1)));
  EXPECT_TRUE(std::filesystem::exists(data));
}

}  // namespace
}  // namespace scangate::build
