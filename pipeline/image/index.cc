#include "pipeline/image/index.h"

namespace scangate {
namespace {

constexpr int kVersion = 1;
constexpr std::string_view kTables = R"sql(
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, manifest TEXT NOT NULL, stored INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS layers (id INTEGER PRIMARY KEY, diff_id TEXT NOT NULL, digest TEXT NOT NULL,
    media_type TEXT NOT NULL, size INTEGER NOT NULL, UNIQUE (diff_id, digest));
  CREATE INDEX IF NOT EXISTS layers_digest ON layers (digest);
  CREATE TABLE IF NOT EXISTS cache (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (kind, key)) WITHOUT ROWID;
  PRAGMA user_version = 1;
  COMMIT;
)sql";

// How stale the time of last use may get: not every look-up of a cache must become a write.
constexpr std::int64_t kUsedResolution = 3600;

std::int64_t seconds_of(TimePoint at) {
  return at.time_since_epoch().count();
}

// All that is recorded can be made again.
Error explain(SqliteFault fault, std::string_view text) {
  Error error(Fault::host, fmt::format("the store's index failed: {}", text));
  switch (fault) {
    case SqliteFault::corrupt:
      return std::move(error).remedy("move it away: names and caches start anew, blobs are kept");
    case SqliteFault::full:
      return std::move(error).remedy("free space on the disk of the store");
    case SqliteFault::denied:
      return std::move(error).remedy("make the store's folder writable for this user or choose another with --store");
    case SqliteFault::busy:
      return std::move(error).worth_retrying();
    case SqliteFault::other:
      break;
  }
  return error;
}

}  // namespace

Result<std::unique_ptr<StoreIndex>> StoreIndex::open(const std::filesystem::path& path) {
  SCANGATE_TRY(SqliteConnection database, SqliteConnection::open_shared(path, explain));
  std::unique_ptr<StoreIndex> index(new StoreIndex(std::move(database)));
  SCANGATE_TRY(SqliteStatement version, index->database_.prepare("PRAGMA user_version"));
  SCANGATE_TRY(const bool row, version.step());
  const std::int64_t found = row ? version.integer(0) : 0;
  if (found > kVersion)
    return fail(
        Error(Fault::host, fmt::format("the store's index has version {}, this program knows {}", found, kVersion))
            .at(path.string())
            .remedy("update scangate or choose another folder with --store"));
  if (found < kVersion) SCANGATE_CHECK(index->database_.execute(std::string(kTables)));
  return index;
}

Result<void> StoreIndex::put_name(const std::string& name, const Digest& manifest_digest, TimePoint at) {
  const std::lock_guard lock(mutex_);
  SCANGATE_TRY(auto statement,
               database_.prepare("INSERT INTO names VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET "
                                 "manifest = excluded.manifest, stored = excluded.stored"));
  statement.bind_copy(1, name);
  statement.bind_copy(2, manifest_digest.str());
  statement.bind(3, seconds_of(at));
  SCANGATE_CHECK(statement.step());
  return {};
}

Result<std::optional<Digest>> StoreIndex::find_name(const std::string& name) {
  const std::lock_guard lock(mutex_);
  SCANGATE_TRY(auto statement, database_.prepare("SELECT manifest FROM names WHERE name = ?1"));
  statement.bind_copy(1, name);
  SCANGATE_TRY(const bool row, statement.step());
  if (!row) return std::nullopt;
  SCANGATE_TRY(const Digest digest, Digest::parse(statement.text(0)));
  return digest;
}

Result<std::vector<StoreIndex::Name>> StoreIndex::names() {
  const std::lock_guard lock(mutex_);
  std::vector<Name> out;
  SCANGATE_TRY(auto statement, database_.prepare("SELECT name, manifest, stored FROM names ORDER BY name"));
  for (;;) {
    SCANGATE_TRY(const bool row, statement.step());
    if (!row) return out;
    SCANGATE_TRY(const Digest digest, Digest::parse(statement.text(1)));
    out.push_back({std::string(statement.text(0)), digest, TimePoint(std::chrono::seconds(statement.integer(2)))});
  }
}

Result<void> StoreIndex::drop_name(const std::string& name) {
  const std::lock_guard lock(mutex_);
  SCANGATE_TRY(auto statement, database_.prepare("DELETE FROM names WHERE name = ?1"));
  statement.bind_copy(1, name);
  SCANGATE_CHECK(statement.step());
  return {};
}

Result<void> StoreIndex::put_layer(const DiffId& diff_id, const Descriptor& blob) {
  const std::lock_guard lock(mutex_);
  SCANGATE_TRY(auto statement,
               database_.prepare("INSERT INTO layers (diff_id, digest, media_type, size) VALUES (?1, ?2, ?3, ?4) "
                                 "ON CONFLICT DO NOTHING"));
  statement.bind_copy(1, diff_id.digest.str());
  statement.bind_copy(2, blob.digest.str());
  statement.bind_copy(3, blob.media_type);
  statement.bind(4, static_cast<std::int64_t>(blob.size_bytes));
  SCANGATE_CHECK(statement.step());
  return {};
}

Result<std::vector<Descriptor>> StoreIndex::layers(const DiffId& diff_id) {
  const std::lock_guard lock(mutex_);
  std::vector<Descriptor> out;
  SCANGATE_TRY(auto statement,
               database_.prepare("SELECT digest, media_type, size FROM layers WHERE diff_id = ?1 ORDER BY id"));
  statement.bind_copy(1, diff_id.digest.str());
  for (;;) {
    SCANGATE_TRY(const bool row, statement.step());
    if (!row) return out;
    Descriptor blob;
    SCANGATE_TRY(blob.digest, Digest::parse(statement.text(0)));
    blob.media_type = statement.text(1);
    blob.size_bytes = static_cast<std::uint64_t>(statement.integer(2));
    out.push_back(std::move(blob));
  }
}

Result<void> StoreIndex::drop_blob(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  SCANGATE_TRY(auto statement, database_.prepare("DELETE FROM layers WHERE digest = ?1"));
  statement.bind_copy(1, digest.str());
  SCANGATE_CHECK(statement.step());
  return {};
}

Result<std::optional<std::string>> StoreIndex::cache_get(std::string_view table, std::string_view key, TimePoint now) {
  const std::lock_guard lock(mutex_);
  SCANGATE_TRY(auto statement, database_.prepare("SELECT value, used FROM cache WHERE kind = ?1 AND key = ?2"));
  statement.bind_copy(1, table);
  statement.bind_copy(2, key);
  SCANGATE_TRY(const bool row, statement.step());
  if (!row) return std::nullopt;
  std::string value(statement.text(0));
  if (statement.integer(1) + kUsedResolution < seconds_of(now)) {
    SCANGATE_TRY(auto touch, database_.prepare("UPDATE cache SET used = ?3 WHERE kind = ?1 AND key = ?2"));
    touch.bind_copy(1, table);
    touch.bind_copy(2, key);
    touch.bind(3, seconds_of(now));
    SCANGATE_CHECK(touch.step());
  }
  return value;
}

Result<void> StoreIndex::cache_put(std::string_view table, std::string_view key, std::string_view value,
                                   TimePoint now) {
  const std::lock_guard lock(mutex_);
  SCANGATE_TRY(auto statement,
               database_.prepare("INSERT INTO cache VALUES (?1, ?2, ?3, ?4) ON CONFLICT (kind, key) DO UPDATE SET "
                                 "value = excluded.value, used = excluded.used"));
  statement.bind_copy(1, table);
  statement.bind_copy(2, key);
  statement.bind_copy(3, value);
  statement.bind(4, seconds_of(now));
  SCANGATE_CHECK(statement.step());
  return {};
}

Result<std::size_t> StoreIndex::cache_clear(std::string_view table) {
  const std::lock_guard lock(mutex_);
  SCANGATE_TRY(auto statement, database_.prepare("DELETE FROM cache WHERE kind = ?1"));
  statement.bind_copy(1, table);
  SCANGATE_CHECK(statement.step());
  return static_cast<std::size_t>(database_.changed_rows());
}

Result<void> StoreIndex::cache_drop_unused(TimePoint before) {
  const std::lock_guard lock(mutex_);
  SCANGATE_TRY(auto statement, database_.prepare("DELETE FROM cache WHERE used < ?1"));
  statement.bind(1, seconds_of(before));
  SCANGATE_CHECK(statement.step());
  return {};
}

}  // namespace scangate
