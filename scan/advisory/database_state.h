#pragma once
// What an open database holds. Inside this folder only.
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/sqlite/sqlite.h"
#include "scan/advisory/advisory.h"

namespace scangate {

struct AdvisoryDatabase::State {
  std::filesystem::path path;
  std::string fingerprint;
  std::vector<DataSource> sources;
  std::map<std::string, std::int64_t, std::less<>> ecosystems;

  // One connection: a match takes less than a millisecond, so waiting is cheaper than opening another.
  std::mutex mutex;
  SqliteConnection connection;
  SqliteStatement rows_of_package;
  SqliteStatement advisory;
  SqliteStatement flaw;
};

// "PATH: the advisory database is damaged: cause (remedy)".
Error damaged_database(const std::filesystem::path& path, std::string_view cause);

}  // namespace scangate
