#pragma once
// What the tests of this folder share: a store in a temporary folder, tar streams made by hand, entries as text.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "pipeline/image/layer.h"
#include "pipeline/image/store.h"

namespace scangate::test {

// Writes down what it gets: "file etc/passwd 0644 0:0 @5 4 'text'".
class RecordingSink final : public EntrySink {
 public:
  explicit RecordingSink(Want want = Want::content) : want_(want) {}
  Result<Want> begin_entry(const Entry& entry) override;
  Result<void> content(Bytes bytes) override;
  Result<void> end_entry() override;
  std::vector<std::string> lines;
  std::vector<Entry> entries;
  std::vector<std::string> contents;

 private:
  Want want_;
};
std::string describe(const Entry& entry);

// A tar entry as raw bytes with any field as it is given, so that hostile archives can be made.
struct RawEntry {
  std::string name;
  char type = '0';
  std::string content = {};
  std::string link = {};
  unsigned mode = 0644;
  std::int64_t mtime = 0;
  unsigned uid = 0;
  unsigned gid = 0;
  unsigned major = 0;
  unsigned minor = 0;
};
std::string raw_entry(const RawEntry& entry);
std::string raw_tar(const std::vector<RawEntry>& entries);
std::string pax_record(const std::string& key, const std::string& value);

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override;
  // A layer of the store from raw tar bytes, gzip compressed.
  WrittenLayer put_layer(const std::string& tar);
  std::filesystem::path folder() const { return folder_->path(); }
  // Runs a program, gives its output and adds a failure when it does not exit with 0.
  std::string run(const std::vector<std::string>& argv);
  std::optional<TempDir> folder_;
  std::shared_ptr<Store> store_;
};

// Whether the program is on PATH.
bool have(std::string_view program);
// Whether this process may give files to other users, tried out in `folder`.
bool may_chown(const std::filesystem::path& folder);

}  // namespace scangate::test
