#pragma once
// Builds a new database file beside the old one and puts it in its place.
#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sqlite/sqlite.h"
#include "scan/advisory/osv_document.h"
#include "scan/advisory/severity_facts.h"
#include "scan/model/verdict.h"

namespace scangate {

class DatabaseWriter {
 public:
  // Errors: Fault::host when the folder of `database` cannot be written.
  static Result<DatabaseWriter> begin(const std::filesystem::path& database);
  // Of two documents with one id the later modified one stays.
  Result<void> add(const OsvDocument& document);
  // Compacts, syncs, renames. Without this call nothing is left behind.
  Result<std::vector<DataSource>> finish(TimePoint imported);

 private:
  struct Known {
    std::int64_t row = 0;
    std::optional<TimePoint> modified;
  };
  DatabaseWriter(std::filesystem::path database, TempDir folder, SqliteConnection connection)
      : database_(std::move(database)), folder_(std::move(folder)), connection_(std::move(connection)) {}
  Result<void> prepare();
  Result<void> add_advisory(std::int64_t row, const OsvDocument& document, const SeverityFacts& severity);
  Result<void> add_affected(std::int64_t row, const OsvDocument& document);
  Result<std::int64_t> ecosystem_row(const std::string& name);
  void learn_flaws(const OsvDocument& document, const std::vector<std::string>& ids, const SeverityFacts& severity);
  Result<void> write_flaws();
  Result<void> drop_superseded();
  Result<std::vector<DataSource>> write_sources(TimePoint imported);

  std::filesystem::path database_;
  TempDir folder_;
  // Before the statements, so that it is closed after them.
  SqliteConnection connection_;
  SqliteStatement insert_advisory_;
  SqliteStatement insert_affected_;
  SqliteStatement insert_ecosystem_;
  std::unordered_map<std::string, Known> known_;
  std::map<std::string, std::int64_t> ecosystems_;
  std::map<std::string, SeverityFacts> flaws_;
  std::vector<std::int64_t> superseded_;
  std::int64_t next_row_ = 1;
  Sha256 digest_;
};

}  // namespace scangate
