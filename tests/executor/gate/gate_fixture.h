#pragma once
// A gate with a store of its own and a registry in memory, for commands of a job that need no sandbox. It has no
// advisory data, so that nothing it scans may leave.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "executor/gate/image_commands.h"
#include "pipeline/image/image_index.h"
#include "tests/support/test_registry.h"

namespace scangate::test {

class GateFixture : public testing::Test {
 protected:
  struct Answer {
    int code = 0;
    std::string out, err;
  };

  void SetUp() override {
    Settings settings;
    settings.store = folder_.path() / "store";
    settings.database = folder_.path() / "no-data.db";
    auto opened = Engine::open(settings, nullptr, clock_, runner_, {});
    ASSERT_TRUE(opened) << opened.error().text();
    engine_ = std::move(*opened);
    images_ = std::make_unique<ImageCommands>(*engine_, nullptr, GateContext{});
    std::filesystem::create_directories(job());
  }

  std::filesystem::path job() const { return folder_.path() / "job"; }
  Store& store() { return *engine_->store(); }

  // Runs `serve` as one command of the job and gives what it printed.
  template <class Serve>
  Answer command(Serve serve) {
    GateRequest request{.arguments = {"docker"}, .environment = {}, .directory = "/"};
    const auto open = [&](const char* name, int flags) {
      return std::move(*open_file(folder_.path() / name, flags, 0600));
    };
    constexpr int kFresh = O_CREAT | O_TRUNC | O_WRONLY;
    request.input = std::move(*open_file("/dev/null", O_RDONLY));
    request.output = open("out", kFresh);
    request.error = open("err", kFresh);
    request.root = std::move(*open_file(job(), O_PATH | O_DIRECTORY));
    const Cancel cancel;
    Answer answer;
    {
      GateCall call(request, cancel);
      answer.code = serve(*images_, call);
    }
    answer.out = *read_file(folder_.path() / "out", 1U << 20U);
    answer.err = *read_file(folder_.path() / "err", 1U << 20U);
    return answer;
  }

  // An image without layers, tagged when it has a name.
  Digest image(const std::string& name, const std::string& architecture,
               std::string_view type = media_type::kOciManifest) {
    ImageConfig config;
    config.platform = {.os = "linux", .architecture = architecture};
    const std::string text = to_json(config);
    const bool docker = type == media_type::kDockerManifest;
    Manifest manifest{.media_type = std::string(type)};
    manifest.config = {.media_type = std::string(docker ? media_type::kDockerConfig : media_type::kOciConfig),
                       .digest = *store().put_blob(text),
                       .size_bytes = text.size()};
    const Digest digest = *store().put_blob(to_json(manifest));
    if (!name.empty()) {
      EXPECT_TRUE(store().tag(*Reference::parse(name), digest));
    }
    return digest;
  }

  const SystemClock clock_;
  SystemProcessRunner runner_;
  TempDir folder_ = std::move(*TempDir::make(std::filesystem::temp_directory_path(), "scangate-gate-"));
  TestRegistry registry_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ImageCommands> images_;
};

}  // namespace scangate::test
