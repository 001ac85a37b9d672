#include "build_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "base/text.h"
#include "pipeline/sandbox/namespaces.h"

namespace scangate {
namespace {

class CollectingSink final : public EntrySink {
 public:
  Result<Want> begin_entry(const Entry& entry) override {
    seen_ = SeenEntry{entry, ""};
    return Want::content;
  }
  Result<void> content(Bytes bytes) override {
    seen_.text += as_text(bytes);
    return {};
  }
  Result<void> end_entry() override {
    layer[seen_.entry.path] = seen_;
    return {};
  }
  SeenLayer layer;

 private:
  SeenEntry seen_;
};

// Once for the whole program: gtest has no other thread then.
const Result<Privilege>& privilege() {
  static const Result<Privilege> entered = ::getuid() == 0 ? enter_host_namespaces() : fail(Fault::host, "not root");
  return entered;
}

// The program and the libraries it loads, as ldd tells.
std::set<std::string> files_of(ProcessRunner& runner, const std::string& program) {
  std::set<std::string> files{program};
  Command command;
  command.argv = {"ldd", program};
  command.environment = {"PATH=/usr/bin:/bin"};
  std::string text;
  auto exit = runner.run(command, Cancel(), [&](Stream, std::string_view piece) { text += piece; });
  if (!exit) return files;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t slash = line.find('/');
    if (slash == std::string::npos) continue;
    files.insert(line.substr(slash, line.find(' ', slash) - slash));
  }
  return files;
}

}  // namespace

SeenLayer read_layer(const Store& store, const Manifest& manifest, const ImageConfig& config, std::size_t layer) {
  CollectingSink sink;
  auto done = stored_layer(store, manifest.layers.at(layer), config.diff_ids.at(layer))->read(sink);
  EXPECT_TRUE(done) << (done ? "" : done.error().text());
  return sink.layer;
}

std::vector<std::string> paths(const SeenLayer& layer) {
  std::vector<std::string> out;
  for (const auto& [path, seen] : layer)
    out.push_back(path);
  return out;
}

void RunFixture::SetUp() {
  prepare();
  if (IsSkipped() || HasFatalFailure()) return;
  prepare_sandbox();
  if (IsSkipped() || HasFatalFailure()) return;
  make_base("base");
}

void BuildFixture::prepare() {
  if (!privilege()) GTEST_SKIP() << "builds need mounts: " << privilege().error().text();
  auto folder = TempDir::make(std::filesystem::temp_directory_path(), "scangate-build-");
  ASSERT_TRUE(folder);
  folder_.emplace(std::move(*folder));
  std::filesystem::create_directories(context());
  auto store = Store::open(folder_->path() / "store");
  ASSERT_TRUE(store) << store.error().text();
  store_ = *store;
  auto snapshots = Snapshots::probe(store_);
  if (!snapshots) GTEST_SKIP() << snapshots.error().text();
  snapshots_.emplace(std::move(*snapshots));
  request_.context = context();
  request_.compression = Compression::gzip;
}

void BuildFixture::prepare_sandbox() {
  auto sandbox = probe_sandbox({"auto", folder_->path() / "sandbox"}, runner_);
  if (!sandbox) GTEST_SKIP() << sandbox.error().text();
  sandbox_ = std::move(*sandbox);
}

void BuildFixture::write(const std::string& path, std::string_view text, mode_t mode) {
  const auto full = context() / path;
  std::filesystem::create_directories(full.parent_path());
  ASSERT_TRUE(write_file_atomic(full, as_bytes(text), mode));
  ASSERT_EQ(::chmod(full.c_str(), mode), 0);
}

void BuildFixture::make_base(const std::string& name) {
  std::set<std::string> files;
  for (const char* program : {"/bin/sh", "/bin/cat", "/bin/ls", "/bin/mkdir", "/bin/rm", "/bin/chmod", "/bin/sleep",
                              "/bin/touch", "/bin/ln", "/usr/bin/id", "/usr/bin/env", "/usr/bin/stat"})
    files.merge(files_of(runner_, program));
  const auto root = folder_->path() / "base";
  for (const std::string& file : files) {
    const auto target = root / file.substr(1);
    std::filesystem::create_directories(target.parent_path());
    std::filesystem::copy_file(std::filesystem::canonical(file), target,
                               std::filesystem::copy_options::overwrite_existing);
  }
  std::filesystem::create_directories(root / "etc");
  std::filesystem::create_directories(root / "tmp");
  ASSERT_TRUE(write_file_atomic(root / "etc/passwd",
                                as_bytes("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n")));
  ASSERT_TRUE(write_file_atomic(root / "etc/group", as_bytes("root:x:0:\napp:x:1001:\nstaff:x:50:app\n")));
  BuildRequest request = request_;
  request.context = root;
  request.dockerfile_text = "FROM scratch\nCOPY . /\n";
  BuildHost host{store_, &*snapshots_, nullptr, nullptr};
  auto image = build_image(request, host, {}, cancel_, progress_);
  ASSERT_TRUE(image) << image.error().text();
  ASSERT_TRUE(store_->tag(*Reference::parse(name), image->manifest_digest));
  progress_.lines.clear();
}

Result<BuiltImage> BuildFixture::build(std::string_view dockerfile) {
  request_.dockerfile_text = std::string(dockerfile);
  BuildHost host{store_, &*snapshots_, sandbox_.get(), nullptr};
  host.transport = transport_.get();
  host.runner = &runner_;
  host.git = git_;
  host.run_timeout = run_timeout_;
  return build_image(request_, host, hooks_, cancel_, progress_);
}

BuiltImage BuildFixture::built(std::string_view dockerfile) {
  auto image = build(dockerfile);
  EXPECT_TRUE(image) << (image ? "" : image.error().text());
  if (!image) return {};
  EXPECT_FALSE(image->failed_step) << image->failed_step->text << "\n" << progress_.printed;
  return *image;
}

std::string BuildFixture::refusal(std::string_view dockerfile) {
  auto image = build(dockerfile);
  EXPECT_FALSE(image);
  return image ? "" : image.error().text();
}

ImageConfig BuildFixture::config(const BuiltImage& image) {
  auto manifest = store_->manifest(image.manifest_digest);
  EXPECT_TRUE(manifest);
  if (!manifest) return {};
  auto config = store_->config(*manifest);
  EXPECT_TRUE(config);
  return config ? *config : ImageConfig{};
}

SeenLayer BuildFixture::layer(const BuiltImage& image, std::size_t index) {
  return read_layer(*store_, *store_->manifest(image.manifest_digest), config(image), index);
}

SeenLayer BuildFixture::files(const BuiltImage& image) {
  SeenLayer merged;
  for (std::size_t i = 0; i < config(image).diff_ids.size(); ++i) {
    for (auto& [path, seen] : layer(image, i)) {
      const auto at = path.rfind('/') + 1;  // npos + 1 is 0
      if (path.substr(at).starts_with(".wh.")) {
        merged.erase(path.substr(0, at) + path.substr(at + 4));
        continue;
      }
      merged[path] = seen;
    }
  }
  return merged;
}

}  // namespace scangate
