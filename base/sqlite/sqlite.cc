#include "base/sqlite/sqlite.h"

#include <sqlite3.h>

#include <chrono>

namespace scangate {

struct SqliteWords {
  std::string name;
  ExplainSqlite explain;
};

namespace {

// Longest wait for another process's write; ours take milliseconds, a slow disk's fsync seconds.
constexpr std::chrono::milliseconds kBusyWait{30'000};

SqliteFault fault_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return SqliteFault::corrupt;
    case SQLITE_FULL:
    case SQLITE_IOERR:
      return SqliteFault::full;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return SqliteFault::denied;
    case SQLITE_BUSY:
      return SqliteFault::busy;
    default:
      return SqliteFault::other;
  }
}

tl::unexpected<Error> sqlite_error(sqlite3* handle, const SqliteWords& words) {
  const std::string text = handle == nullptr ? "out of memory" : sqlite3_errmsg(handle);
  const SqliteFault fault = handle == nullptr ? SqliteFault::other : fault_of(sqlite3_errcode(handle));
  return fail((words.explain ? words.explain(fault, text) : Error(Fault::host, text)).at(words.name));
}

// SQLite documentation, "Uniform Resource Identifiers": "?", "#" and "%" of a path have to be escaped.
std::string file_uri(const std::filesystem::path& path, std::string_view query) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path.string()) {
    if (c == '?' || c == '#' || c == '%') {
      const auto byte = static_cast<unsigned char>(c);
      uri += '%';
      uri += kHex[byte >> 4U];
      uri += kHex[byte & 15U];
    } else {
      uri += c;
    }
  }
  uri += '?';
  uri += query;
  return uri;
}

}  // namespace

void CloseSqlite::operator()(sqlite3* handle) const noexcept {
  static_cast<void>(sqlite3_close_v2(handle));
}
void FinaliseSqlite::operator()(sqlite3_stmt* handle) const noexcept {
  static_cast<void>(sqlite3_finalize(handle));
}

// A failed bind leaves NULL in place and shows up as a missing row or a constraint error of step(): only out of memory
// can cause it, the indices are constants.
void SqliteStatement::bind(int index, std::string_view text) {
  static_cast<void>(sqlite3_bind_text64(handle_.get(), index, text.data() == nullptr ? "" : text.data(), text.size(),
                                        SQLITE_STATIC, SQLITE_UTF8));
}
void SqliteStatement::bind_copy(int index, std::string_view text) {
  static_cast<void>(sqlite3_bind_text64(handle_.get(), index, text.data() == nullptr ? "" : text.data(), text.size(),
                                        SQLITE_TRANSIENT, SQLITE_UTF8));
}
void SqliteStatement::bind(int index, std::int64_t value) {
  static_cast<void>(sqlite3_bind_int64(handle_.get(), index, value));
}
void SqliteStatement::bind_null(int index) {
  static_cast<void>(sqlite3_bind_null(handle_.get(), index));
}

Result<bool> SqliteStatement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_error(sqlite3_db_handle(handle_.get()), *words_);
}

Result<void> SqliteStatement::run() {
  for (;;) {
    auto row = step();
    if (!row || !*row) reset();
    if (!row) return fail(std::move(row).error());
    if (!*row) return {};
  }
}

void SqliteStatement::reset() {
  static_cast<void>(sqlite3_reset(handle_.get()));
}

std::string_view SqliteStatement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}
std::int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}
bool SqliteStatement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

SqliteConnection::SqliteConnection(const std::filesystem::path& path, ExplainSqlite explain)
    : words_(std::make_shared<const SqliteWords>(SqliteWords{path.string(), std::move(explain)})) {}

Result<void> SqliteConnection::open_for_writing(const std::filesystem::path& path) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) return sqlite_error(handle, *words_);
  return {};
}

Result<SqliteConnection> SqliteConnection::create(const std::filesystem::path& path) {
  SqliteConnection connection(path, {});
  SCANGATE_CHECK(connection.open_for_writing(path));
  return connection;
}

Result<SqliteConnection> SqliteConnection::open_shared(const std::filesystem::path& path, ExplainSqlite explain) {
  SqliteConnection connection(path, std::move(explain));
  SCANGATE_CHECK(connection.open_for_writing(path));
  sqlite3_busy_timeout(connection.handle_.get(), static_cast<int>(kBusyWait.count()));
  // NORMAL: in WAL mode a power cut may lose the last transactions but never corrupts.
  SCANGATE_CHECK(connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF;"));
  return connection;
}

Result<SqliteConnection> SqliteConnection::open_read_only(const std::filesystem::path& path) {
  SqliteConnection connection(path, {});
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file_uri(path, "mode=ro&immutable=1").c_str(), &handle,
                                   SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
  connection.handle_.reset(handle);
  if (code != SQLITE_OK) return sqlite_error(handle, *connection.words_);
  for (const int option : {SQLITE_DBCONFIG_DEFENSIVE}) {
    if (sqlite3_db_config(handle, option, 1, nullptr) != SQLITE_OK) return sqlite_error(handle, *connection.words_);
  }
  for (const int option : {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
                           SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION}) {
    if (sqlite3_db_config(handle, option, 0, nullptr) != SQLITE_OK) return sqlite_error(handle, *connection.words_);
  }
  // Larger than any snapshot in sight; only what is touched becomes resident.
  SCANGATE_CHECK(connection.execute("PRAGMA mmap_size=4294967296; PRAGMA cell_size_check=ON; PRAGMA query_only=ON;"));
  return connection;
}

Result<void> SqliteConnection::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return sqlite_error(handle_.get(), *words_);
  return {};
}

Result<SqliteStatement> SqliteConnection::prepare(std::string_view sql) {
  SqliteStatement statement;
  statement.words_ = words_;
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &handle,
                         nullptr) != SQLITE_OK)
    return sqlite_error(handle_.get(), *words_);
  statement.handle_.reset(handle);
  return statement;
}

Result<std::optional<std::int64_t>> SqliteConnection::integer(std::string_view sql) {
  SCANGATE_TRY(auto statement, prepare(sql));
  SCANGATE_TRY(const bool row, statement.step());
  if (!row || statement.is_null(0)) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(statement.integer(0));
}

std::int64_t SqliteConnection::changed_rows() const {
  return sqlite3_changes64(handle_.get());
}

}  // namespace scangate
