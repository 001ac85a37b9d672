#pragma once
// The only place that knows SQLite. Every return code is checked; the library's own text goes into the Error.
// https://www.sqlite.org/c3ref/intro.html
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace scangate {

struct SqliteWords;  // how Errors of one connection are put

struct CloseSqlite {
  void operator()(sqlite3* handle) const noexcept;
};
struct FinaliseSqlite {
  void operator()(sqlite3_stmt* handle) const noexcept;
};

// What went wrong, as far as a remedy depends on it.
enum class SqliteFault {
  corrupt,  // or no database at all
  full,     // the disk, or it fails
  denied,   // cannot be opened or written
  busy,     // another process writes for too long
  other,
};
// Makes the Error of the library's own text; the file's path is added as its place. Without one it is the text alone,
// Fault::host.
using ExplainSqlite = std::function<Error(SqliteFault fault, std::string_view text)>;

// A prepared statement, used again and again. Lives no longer than its connection.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  // 1-based, as in SQL. The text must live until the next reset().
  void bind(int index, std::string_view text);
  // The same with a copy of the text.
  void bind_copy(int index, std::string_view text);
  void bind(int index, std::int64_t value);
  void bind_null(int index);
  // True: a row is there. False: done.
  Result<bool> step();
  // Steps to the end and resets, for statements without rows.
  Result<void> run();
  void reset();
  // Views until the next step() or reset(). 0-based.
  std::string_view text(int column) const;
  std::int64_t integer(int column) const;
  bool is_null(int column) const;

 private:
  friend class SqliteConnection;
  std::unique_ptr<sqlite3_stmt, FinaliseSqlite> handle_;
  std::shared_ptr<const SqliteWords> words_;
};

// One thread at a time.
class SqliteConnection {
 public:
  SqliteConnection() = default;  // none: only to be assigned to
  // For writing a new file. Errors: Fault::host.
  static Result<SqliteConnection> create(const std::filesystem::path& path);
  // A file that many processes read and write at once, in WAL mode; made when it is not there.
  static Result<SqliteConnection> open_shared(const std::filesystem::path& path, ExplainSqlite explain);
  // Immutable and mapped; the file may be hostile: no trusted schema, no extensions, no writable schema.
  static Result<SqliteConnection> open_read_only(const std::filesystem::path& path);

  Result<void> execute(const std::string& sql);
  Result<SqliteStatement> prepare(std::string_view sql);
  // First column of the first row.
  Result<std::optional<std::int64_t>> integer(std::string_view sql);
  // By the last statement.
  std::int64_t changed_rows() const;

 private:
  SqliteConnection(const std::filesystem::path& path, ExplainSqlite explain);
  Result<void> open_for_writing(const std::filesystem::path& path);

  std::unique_ptr<sqlite3, CloseSqlite> handle_;
  std::shared_ptr<const SqliteWords> words_;
};

}  // namespace scangate
