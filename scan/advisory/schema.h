#pragma once
// The file's tables, shared by the writer and the reader.
#include <cstdint>

namespace scangate {

// "SGad": tells our files from other SQLite databases. https://www.sqlite.org/pragma.html#pragma_application_id
inline constexpr std::int64_t kDatabaseApplicationId = 0x53476164;
// Raised with every change of the tables or of the encoded ranges; other versions are refused.
inline constexpr std::int64_t kDatabaseVersion = 1;

// affected is clustered by what a scan asks for, so one package's rows lie side by side.
// advisory.ids and .upstream, references and CVSS vectors are lists with a line an item.
inline constexpr const char* kDatabaseSchema = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE source(name TEXT PRIMARY KEY, records INTEGER NOT NULL, newest INTEGER, imported INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE ecosystem(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE advisory(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, ids TEXT NOT NULL, upstream TEXT NOT NULL,
  severity INTEGER NOT NULL, severity_source TEXT NOT NULL, severity_rank INTEGER NOT NULL, vectors TEXT NOT NULL,
  title TEXT NOT NULL, details TEXT NOT NULL, links TEXT NOT NULL, modified INTEGER, published INTEGER);
CREATE TABLE affected(
  ecosystem INTEGER NOT NULL, package TEXT NOT NULL, advisory INTEGER NOT NULL, part INTEGER NOT NULL,
  versions TEXT NOT NULL,
  severity INTEGER, severity_source TEXT, severity_rank INTEGER, vectors TEXT,
  PRIMARY KEY(ecosystem, package, advisory, part)) WITHOUT ROWID;
CREATE TABLE flaw(
  id TEXT PRIMARY KEY, severity INTEGER NOT NULL, severity_source TEXT NOT NULL, severity_rank INTEGER NOT NULL,
  vectors TEXT NOT NULL) WITHOUT ROWID;
)sql";

}  // namespace scangate
