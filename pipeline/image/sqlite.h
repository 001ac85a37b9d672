#pragma once
// SQLite for the store's index: read and written by many processes, WAL. Private to this folder; the advisory data's wrapper
// opens a hostile, immutable file and shares nothing with it but the library.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace scangate {

class IndexStatement {
 public:
  IndexStatement(IndexStatement&&) noexcept;
  IndexStatement& operator=(IndexStatement&&) noexcept;
  ~IndexStatement();
  // Parameters count from 1, columns from 0. Text is bound as text, copied.
  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::int64_t number);
  // True with a row, false at the end.
  Result<bool> step();
  std::string text(int column) const;
  std::int64_t number(int column) const;

 private:
  friend class IndexDatabase;
  struct State;
  explicit IndexStatement(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One connection; not thread-safe, many processes may each have one.
class IndexDatabase {
 public:
  // Opens or creates, in WAL mode. Errors: Fault::host with the path and the remedy.
  static Result<IndexDatabase> open(const std::filesystem::path& path);
  IndexDatabase(IndexDatabase&&) noexcept;
  IndexDatabase& operator=(IndexDatabase&&) noexcept;
  ~IndexDatabase();
  Result<void> run(std::string_view statements);
  Result<IndexStatement> prepare(std::string_view statement);
  std::int64_t changed_rows() const;

 private:
  struct State;
  explicit IndexDatabase(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace scangate
