#pragma once
// The tables of a store: names, layer records, caches. Private to this folder.
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/sqlite/sqlite.h"
#include "pipeline/image/model.h"

namespace scangate {

// Thread-safe. Errors: Fault::host with the path and the remedy.
class StoreIndex {
 public:
  struct Name {
    std::string name;
    Digest manifest_digest;
    TimePoint stored{};
  };
  // Creates or upgrades the tables.
  static Result<std::unique_ptr<StoreIndex>> open(const std::filesystem::path& path);

  Result<void> put_name(const std::string& name, const Digest& manifest_digest, TimePoint at);
  Result<std::optional<Digest>> find_name(const std::string& name);
  Result<std::vector<Name>> names();  // sorted
  Result<void> drop_name(const std::string& name);

  Result<void> put_layer(const DiffId& diff_id, const Descriptor& blob);
  Result<std::vector<Descriptor>> layers(const DiffId& diff_id);  // oldest record first
  Result<void> drop_blob(const Digest& digest);                   // all records of it

  Result<std::optional<std::string>> cache_get(std::string_view table, std::string_view key, TimePoint now);
  Result<void> cache_put(std::string_view table, std::string_view key, std::string_view value, TimePoint now);
  Result<std::size_t> cache_clear(std::string_view table);
  Result<void> cache_drop_unused(TimePoint before);

 private:
  explicit StoreIndex(SqliteConnection database) : database_(std::move(database)) {}
  Result<void> create_tables();
  std::mutex mutex_;
  SqliteConnection database_;
};

}  // namespace scangate
