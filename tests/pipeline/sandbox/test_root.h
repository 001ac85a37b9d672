#pragma once
// A root file system with the host's /usr in it, and what is left of a program after its end.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/file.h"

namespace scangate {

inline constexpr const char* kTestPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Usable by any user.
inline TempDir make_test_folder() {
  auto folder = TempDir::make(std::filesystem::temp_directory_path(), "sandbox-test-");
  if (!folder) throw std::runtime_error(folder.error().text());
  ::chmod(folder->path().c_str(), 0755);
  return std::move(*folder);
}

inline std::filesystem::path make_test_root(const std::filesystem::path& in) {
  const auto root = in / "root";
  for (const char* name : {"", "proc", "sys", "dev", "tmp", "usr", "etc", "data"})
    std::filesystem::create_directories(root / name);
  for (const char* name : {"bin", "sbin", "lib", "lib64"})
    std::filesystem::create_symlink(std::filesystem::path("usr") / name, root / name);
  ::chmod((root / "tmp").c_str(), 01777);
  return root;
}

// Whether any process of the host has `marker` in its command line.
inline bool runs_somewhere(const std::string& marker) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (entry.path() == "/proc/" + std::to_string(getpid())) continue;
    const auto text = read_file(entry.path() / "cmdline", 1U << 20U);  // an Error when it just ended
    if (text && text->find(marker) != std::string::npos) return true;
  }
  return false;
}

// Ends as soon as the last one is gone; false after half a minute.
inline bool ends_everywhere(const std::string& marker) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (runs_somewhere(marker)) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace scangate
