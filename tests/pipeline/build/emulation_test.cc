#include "pipeline/build/emulation.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace scangate::build {
namespace {

constexpr const char* kRemedy =
    " (install qemu-user-static and its binfmt entry on the host, or use COPY and cross-compile in a stage FROM "
    "--platform=$BUILDPLATFORM)";

class EmulationTest : public testing::Test {
 protected:
  std::string answer(const std::string& image, const std::string& entry = "", const std::string& text = "") {
    if (!entry.empty()) {
      EXPECT_TRUE(write_file_atomic(folder_.path() / entry, as_bytes(text)));
    }
    const auto can = check_can_run(*Platform::parse(image), *Platform::parse("linux/amd64"), folder_.path());
    return can ? "yes" : can.error().text();
  }
  TempDir folder_ = *TempDir::make(std::filesystem::temp_directory_path(), "binfmt-");
};

TEST_F(EmulationTest, OwnProcessorNeedsNothing) {
  EXPECT_EQ(answer("linux/amd64"), "yes");
  EXPECT_EQ(answer("linux/386"), "yes");
  EXPECT_TRUE(check_can_run({}, *Platform::parse("linux/amd64"), folder_.path()));
}

TEST_F(EmulationTest, AnotherNeedsQemuThatIsFoundInEveryRoot) {
  EXPECT_EQ(answer("linux/arm64"),
            std::string("RUN for linux/arm64 on linux/amd64: the host has no qemu-aarch64 in binfmt_misc") + kRemedy);
  const std::string rest = "interpreter /usr/bin/qemu-aarch64-static\nflags: ";
  EXPECT_EQ(answer("linux/arm64", "qemu-aarch64", "enabled\n" + rest + "OCF\n"), "yes");
  EXPECT_EQ(answer("linux/arm64", "qemu-aarch64", "disabled\n" + rest + "F\n"),
            std::string("RUN for linux/arm64 on linux/amd64: qemu-aarch64 is disabled in binfmt_misc") + kRemedy);
  EXPECT_EQ(answer("linux/arm64", "qemu-aarch64", "enabled\n" + rest + "\n"),
            std::string("RUN for linux/arm64 on linux/amd64: qemu-aarch64 is registered without the flag F, so it is "
                        "not found inside an image") +
                kRemedy);
}

TEST_F(EmulationTest, AnotherSystemIsRefused) {
  EXPECT_EQ(answer("windows/amd64"), "RUN for windows/amd64 cannot be done on linux/amd64");
}

}  // namespace
}  // namespace scangate::build
