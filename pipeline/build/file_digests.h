#pragma once
// Digests of context files, remembered by what stat(2) tells, so that an unchanged context is not read again.
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/digest.h"
#include "pipeline/build/source_tree.h"
#include "pipeline/image/store.h"

namespace scangate::build {

// About 130 bytes each in the store's table; larger contexts are hashed anew beyond it.
inline constexpr std::size_t kMaxRememberedFiles = 500'000;
// A file changed twice within one tick of the filesystem's clock looks unchanged (git's "racy" problem), so a digest is
// kept only when the file was already this old as it was hashed. Ticks are 4 to 10 ms on local filesystems.
inline constexpr std::chrono::milliseconds kSettled{50};
// For filesystems whose times are whole seconds.
inline constexpr std::chrono::seconds kSettledCoarse{2};

// Thread-safe.
class FileDigests {
 public:
  // `identity` tells contexts apart. Nothing is read before the first question.
  FileDigests(Store& store, std::string identity) : store_(store), identity_(std::move(identity)) {}
  // Known, or read now.
  Result<Digest> digest(SourceTree& tree, const TreeItem& item, const Cancel& cancel);
  // A digest that someone else computed while reading the file.
  void remember(const TreeItem& item, const Digest& digest);
  // Writes what was learned. A failure costs speed only; still told.
  Result<void> save();

 private:
  Result<void> load();  // these three with the lock held
  std::optional<Digest> find(const FileStamp& stamp);
  void learn(const TreeItem& item, const Digest& digest);
  Store& store_;
  std::string identity_;
  std::mutex mutex_;
  bool loaded_ = false;
  bool changed_ = false;
  std::map<FileStamp, Digest> known_;
  std::map<FileStamp, Digest> used_;   // what this build saw and save() keeps
  std::map<FileStamp, Digest> fresh_;  // too new to be kept, good for this build
};

}  // namespace scangate::build
