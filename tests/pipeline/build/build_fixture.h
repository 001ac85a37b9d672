#pragma once
// A store, a context folder and a build in one place, for tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "pipeline/build/build.h"
#include "pipeline/image/layer.h"

namespace scangate {

class RecordedProgress final : public Progress {
 public:
  void line(Level, std::string_view text) override {
    const std::lock_guard lock(mutex_);
    lines.emplace_back(text);
  }
  void bytes(std::string_view, std::uint64_t, std::uint64_t) override {}
  void output(std::string_view, std::string_view text) override {
    {
      const std::lock_guard lock(mutex_);
      printed += text;
    }
    if (on_output) on_output();
  }
  std::vector<std::string> lines;
  std::string printed;
  std::function<void()> on_output;  // called after each piece that a RUN step printed

 private:
  std::mutex mutex_;  // stages are built by several threads
};

struct SeenEntry {
  Entry entry;
  std::string text;
};
using SeenLayer = std::map<std::string, SeenEntry>;

// Reads a layer of the store; a path that comes twice keeps its last entry.
SeenLayer read_layer(const Store& store, const Manifest& manifest, const ImageConfig& config, std::size_t layer);

std::vector<std::string> paths(const SeenLayer& layer);

class BuildFixture : public ::testing::Test {
 protected:
  // Skips where the process cannot mount. `with_sandbox`: also where no runtime can run.
  void prepare();
  void prepare_sandbox();
  void SetUp() override { prepare(); }

  void write(const std::string& path, std::string_view text, mode_t mode = 0644);
  void remove(const std::string& path) { std::filesystem::remove_all(context() / path); }
  std::filesystem::path context() const { return folder_->path() / "context"; }
  // A small system of this machine's own programs: sh, coreutils and what they link.
  void make_base(const std::string& name);

  Result<BuiltImage> build(std::string_view dockerfile);
  // Expects success.
  BuiltImage built(std::string_view dockerfile);
  // The Error's text; expects one.
  std::string refusal(std::string_view dockerfile);
  ImageConfig config(const BuiltImage& image);
  SeenLayer layer(const BuiltImage& image, std::size_t index);
  // All layers merged: path to entry, whiteouts applied.
  SeenLayer files(const BuiltImage& image);

  std::optional<TempDir> folder_;
  std::shared_ptr<Store> store_;
  std::optional<Snapshots> snapshots_;
  SystemProcessRunner runner_;
  std::unique_ptr<Sandbox> sandbox_;
  std::shared_ptr<HttpTransport> transport_;  // for ADD of URLs; none unless a test makes it
  GitSourceOptions git_;
  BuildRequest request_;
  BuildHooks hooks_;
  std::optional<std::chrono::seconds> run_timeout_;
  Cancel cancel_;
  RecordedProgress progress_;
};

// With a sandbox, and a system to run in it: the image "base".
class RunFixture : public BuildFixture {
 protected:
  void SetUp() override;
};

}  // namespace scangate
