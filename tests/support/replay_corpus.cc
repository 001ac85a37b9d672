// Stands in for libFuzzer's main in ordinary builds: runs the fuzz entry point once for every file of the corpus
// folders given. Knows two of its options, with its meaning: -rss_limit_mb=N, the memory that one input may take, and
// -timeout=SECONDS.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// What the heap holds, and held at most since `peak` was set back.
std::atomic<long> live{0};
std::atomic<long> peak{0};

[[maybe_unused]] void took(std::size_t size) {
  const long now = live += static_cast<long>(size);
  long before = peak;
  while (now > before && !peak.compare_exchange_weak(before, now)) {
  }
}

[[maybe_unused]] void gave_back(std::size_t size) {
  live -= static_cast<long>(size);
}

// Room for a path; what a signal handler prints must be there before.
char at_work[4096];

void hung(int) {
  const std::string_view words[] = {"this input takes too long: ", at_work, "\n"};
  for (const std::string_view each : words)
    static_cast<void>(!::write(2, each.data(), each.size()));
  ::_exit(1);
}

long number_of(std::string_view option, std::string_view name) {
  if (!option.starts_with(name)) return 0;
  long value = 0;
  std::from_chars(option.data() + name.size(), option.data() + option.size(), value);
  return value;
}

}  // namespace

// A sanitizer's own memory, shadow and quarantine, is many times the program's: it tells of every allocation instead.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void* at);
extern "C" void __sanitizer_malloc_hook(const volatile void*, std::size_t size) {
  took(size);
}
extern "C" void __sanitizer_free_hook(const volatile void* at) {
  if (at != nullptr) gave_back(__sanitizer_get_allocated_size(at));
}
#else
void* operator new(std::size_t size) {
  void* at = std::malloc(size);
  if (at == nullptr) std::abort();
  took(::malloc_usable_size(at));
  return at;
}
void operator delete(void* at) noexcept {
  if (at != nullptr) gave_back(::malloc_usable_size(at));
  std::free(at);
}
void operator delete(void* at, std::size_t) noexcept {
  operator delete(at);
}
#endif

int main(int argc, char** argv) {
  int files = 0;
  long limit_mb = 0;
  long seconds = 0;
  for (int i = 1; i < argc; ++i) {
    limit_mb = std::max(limit_mb, number_of(argv[i], "-rss_limit_mb="));
    seconds = std::max(seconds, number_of(argv[i], "-timeout="));
  }
  std::signal(SIGALRM, hung);
  long most = 0;
  for (int i = 1; i < argc; ++i) {
    if (argv[i][0] == '-') continue;
    if (!std::filesystem::is_directory(argv[i])) {
      std::fprintf(stderr, "corpus folder %s is missing\n", argv[i]);
      return 1;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
      std::snprintf(at_work, sizeof at_work, "%s", entry.path().c_str());
      const long before = live;
      peak = before;
      ::alarm(static_cast<unsigned>(seconds));
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
      ::alarm(0);
      const long taken = peak - before;
      most = std::max(most, taken);
      if (limit_mb > 0 && taken > limit_mb << 20) {
        std::fprintf(stderr, "%s takes %ld MB of memory, more than %ld\n", at_work, taken >> 20, limit_mb);
        return 1;
      }
      ++files;
    }
  }
  std::printf("replayed %d corpus files, none of which took more than %ld KB\n", files, most >> 10);
  return files == 0 ? 1 : 0;
}
