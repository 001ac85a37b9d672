#include "pipeline/image/sqlite.h"

#include <sqlite3.h>

#include <chrono>

namespace scangate {
namespace {

// Longest wait for another process's write; ours take milliseconds, a slow disk's fsync seconds.
constexpr std::chrono::milliseconds kBusyWait{30'000};

struct CloseDatabase {
  void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};

Error sqlite_error(sqlite3* database, const std::string& shown) {
  const int code = sqlite3_errcode(database) & 0xff;
  Error error = Error(Fault::host, fmt::format("the store's index failed: {}", sqlite3_errmsg(database))).at(shown);
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
    return std::move(error).remedy("move it away: names and caches start anew, blobs are kept");
  if (code == SQLITE_FULL || code == SQLITE_IOERR)
    return std::move(error).remedy("free space on the disk of the store");
  if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
    return std::move(error).remedy("make the store's folder writable for this user or choose another with --store");
  if (code == SQLITE_BUSY) return std::move(error).worth_retrying();
  return error;
}

}  // namespace

struct IndexDatabase::State {
  std::unique_ptr<sqlite3, CloseDatabase> handle;
  std::string shown;
};
struct IndexStatement::State {
  std::unique_ptr<sqlite3_stmt, FinalizeStatement> handle;
  std::string shown;
};

IndexStatement::IndexStatement(std::unique_ptr<State> state) : state_(std::move(state)) {}
IndexStatement::IndexStatement(IndexStatement&&) noexcept = default;
IndexStatement& IndexStatement::operator=(IndexStatement&&) noexcept = default;
IndexStatement::~IndexStatement() = default;

void IndexStatement::bind(int parameter, std::string_view text) {
  sqlite3_bind_text64(state_->handle.get(), parameter, text.data() == nullptr ? "" : text.data(), text.size(),
                      SQLITE_TRANSIENT, SQLITE_UTF8);
}
void IndexStatement::bind(int parameter, std::int64_t number) {
  sqlite3_bind_int64(state_->handle.get(), parameter, number);
}

Result<bool> IndexStatement::step() {
  const int code = sqlite3_step(state_->handle.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail(sqlite_error(sqlite3_db_handle(state_->handle.get()), state_->shown));
}

std::string IndexStatement::text(int column) const {
  const unsigned char* bytes = sqlite3_column_text(state_->handle.get(), column);
  const int count = sqlite3_column_bytes(state_->handle.get(), column);
  return bytes == nullptr ? std::string()
                          : std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
}
std::int64_t IndexStatement::number(int column) const {
  return sqlite3_column_int64(state_->handle.get(), column);
}

IndexDatabase::IndexDatabase(std::unique_ptr<State> state) : state_(std::move(state)) {}
IndexDatabase::IndexDatabase(IndexDatabase&&) noexcept = default;
IndexDatabase& IndexDatabase::operator=(IndexDatabase&&) noexcept = default;
IndexDatabase::~IndexDatabase() = default;

Result<IndexDatabase> IndexDatabase::open(const std::filesystem::path& path) {
  auto state = std::make_unique<State>();
  state->shown = path.string();
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  state->handle.reset(handle);
  if (handle == nullptr) return fail(Fault::host, "cannot open the store's index: out of memory");
  if (code != SQLITE_OK) return fail(sqlite_error(handle, state->shown));
  sqlite3_busy_timeout(handle, static_cast<int>(kBusyWait.count()));
  IndexDatabase database(std::move(state));
  // NORMAL: in WAL mode a power cut may lose the last transactions but never corrupts; all we record can be redone.
  SCANGATE_CHECK(database.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF;"));
  return database;
}

Result<void> IndexDatabase::run(std::string_view statements) {
  if (sqlite3_exec(state_->handle.get(), std::string(statements).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail(sqlite_error(state_->handle.get(), state_->shown));
  return {};
}

Result<IndexStatement> IndexDatabase::prepare(std::string_view statement) {
  auto prepared = std::make_unique<IndexStatement::State>();
  prepared->shown = state_->shown;
  sqlite3_stmt* handle = nullptr;
  const int code =
      sqlite3_prepare_v2(state_->handle.get(), statement.data(), static_cast<int>(statement.size()), &handle, nullptr);
  prepared->handle.reset(handle);
  if (code != SQLITE_OK) return fail(sqlite_error(state_->handle.get(), state_->shown));
  return IndexStatement(std::move(prepared));
}

std::int64_t IndexDatabase::changed_rows() const {
  return sqlite3_changes64(state_->handle.get());
}

}  // namespace scangate
