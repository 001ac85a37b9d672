#pragma once
// The one wrapper of SQLite in this room: a connection and statements with errors as values. Private to this folder.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace scangate {

class SqliteStatement {
 public:
  SqliteStatement(SqliteStatement&&) noexcept;
  SqliteStatement& operator=(SqliteStatement&&) noexcept;
  ~SqliteStatement();
  // Parameters count from 1, columns from 0. Text is bound as text, copied.
  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::int64_t number);
  // True with a row, false at the end.
  Result<bool> step();
  std::string text(int column) const;
  std::int64_t number(int column) const;

 private:
  friend class SqliteDatabase;
  struct State;
  explicit SqliteStatement(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One connection; not thread-safe, many processes may each have one.
class SqliteDatabase {
 public:
  // Opens or creates, in WAL mode. Errors: Fault::host with the path and the remedy.
  static Result<SqliteDatabase> open(const std::filesystem::path& path);
  SqliteDatabase(SqliteDatabase&&) noexcept;
  SqliteDatabase& operator=(SqliteDatabase&&) noexcept;
  ~SqliteDatabase();
  Result<void> run(std::string_view statements);
  Result<SqliteStatement> prepare(std::string_view statement);
  std::int64_t changed_rows() const;

 private:
  struct State;
  explicit SqliteDatabase(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace scangate
