// Times of writing, reading and unpacking layers. Usage: image_bench FOLDER. Needs some 4 GB there; prints the machine
// and the sizes with each figure. Mounts are made in a namespace of its own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "base/text.h"
#include "pipeline/image/snapshot.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;

class NullSink final : public EntrySink {
 public:
  Result<Want> begin_entry(const Entry&) override { return Want::content; }
  Result<void> content(Bytes) override { return {}; }
  Result<void> end_entry() override { return {}; }
};

// Bytes of which deflate halves: words of a small vocabulary between random ones.
std::string sample(std::size_t size, std::uint64_t seed) {
  static constexpr std::string_view kWords[] = {"symbol_table::value = ", "return nullptr;\n", "    const auto& entry",
                                                "#include <string>\n"};
  std::string out;
  out.reserve(size + 64);
  std::uint64_t state = seed * 2654435761U + 1;
  while (out.size() < size) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    out += kWords[state >> 62U];
    out.append(reinterpret_cast<const char*>(&state), sizeof state);
  }
  out.resize(size);
  return out;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// "1.23 s (2.05 CPU)": on a busy machine only the second can be compared.
template <class Work>
std::string timed(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  const double cpu = cpu_seconds();
  work();
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return fmt::format("{:.2f} s ({:.2f} CPU)", wall, cpu_seconds() - cpu);
}

template <class T>
T must(Result<T> result) {
  if (result) {
    if constexpr (std::is_void_v<T>)
      return;
    else
      return std::move(*result);
  }
  fmt::print(stderr, "{}\n", result.error().text());
  std::exit(1);
}

std::uint64_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024U;
}

WrittenLayer write_tree(Store& store, const fs::path& root, Compression compression) {
  LayerWriter writer = must(LayerWriter::create(store, {.compression = compression}, {}));
  std::vector<fs::path> paths;
  for (const auto& item : fs::recursive_directory_iterator(root))
    paths.push_back(item.path());
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    struct stat status{};
    lstat(path.c_str(), &status);
    Entry entry{
        .path = path.lexically_relative(root), .mode = status.st_mode & 07777U, .mtime_seconds = status.st_mtim.tv_sec};
    if (S_ISDIR(status.st_mode)) {
      entry.type = EntryType::directory;
      must(writer.add(entry, nullptr));
    } else {
      entry.size_bytes = static_cast<std::uint64_t>(status.st_size);
      FdSource content(must(open_file(path, O_RDONLY)), path.string());
      must(writer.add(entry, &content));
    }
  }
  return must(writer.finish());
}

void measure(const std::string& what, const fs::path& input, const fs::path& folder) {
  for (const Compression compression : {Compression::gzip, Compression::zstd}) {
    const fs::path root = folder / "store";
    {
      const auto store = must(Store::open(root));
      WrittenLayer layer;
      const std::string write = timed([&] { layer = write_tree(*store, input, compression); });
      NullSink sink;
      const std::string read = timed([&] { must(stored_layer(*store, layer.blob, layer.diff_id)->read(sink)); });
      const auto snapshots = Snapshots::probe(store);
      NoProgress silent;
      std::string unpack = "-";
      if (snapshots) {
        Snapshots usable = *snapshots;
        unpack = timed([&] { must(usable.unpack({layer.diff_id}, Cancel(), silent)); });
      }
      fmt::print("{:16} {:4}  tar {:>8}  blob {:>8}  write {}  read {}  unpack {}  peak {}\n", what,
                 compression == Compression::gzip ? "gzip" : "zstd", human_bytes(layer.tar_bytes),
                 human_bytes(layer.blob.size_bytes), write, read, unpack, human_bytes(peak_bytes()));
    }
    must(remove_tree(root));
  }
}

int run(const fs::path& folder) {
  if (unshare(CLONE_NEWNS) == 0) mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  fmt::print("{} CPUs\n", std::thread::hardware_concurrency());
  const fs::path many = folder / "many";
  for (int i = 0; i < 20'000; ++i) {
    const fs::path path = many / fmt::format("d{:03}", i / 100) / fmt::format("file{}", i);
    fs::create_directories(path.parent_path());
    std::ofstream(path) << sample(10'400, static_cast<std::uint64_t>(i));
  }
  measure("20,000 files", many, folder);
  must(remove_tree(many));
  const fs::path one = folder / "one";
  fs::create_directories(one);
  {
    std::ofstream file(one / "large");
    for (std::uint64_t i = 0; i < 1024; ++i)
      file << sample(1U << 20U, i);
  }
  measure("1 GiB file", one, folder);
  must(remove_tree(one));
  return 0;
}

}  // namespace
}  // namespace scangate

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: image_bench FOLDER\n");
    return 2;
  }
  return scangate::run(argv[1]);
}
