#include <fcntl.h>

#include <system_error>

#include "base/file.h"
#include "scan/advisory/advisory.h"
#include "scan/advisory/database_state.h"
#include "scan/advisory/schema.h"

namespace scangate {
namespace {

constexpr const char* kImportRemedy = "build a new one: scangate db import PATH…";

Result<void> check_format(SqliteConnection& connection, const std::filesystem::path& path) {
  const auto value = [&](std::string_view sql) -> Result<std::int64_t> {
    auto number = connection.integer(sql);
    if (!number) return fail(damaged_database(path, number.error().cause()));
    return number->value_or(0);
  };
  SCANGATE_TRY(const std::int64_t application, value("PRAGMA application_id"));
  if (application != kDatabaseApplicationId)
    return fail(
        Error(Fault::host, "this is not an advisory database of scangate").at(path.string()).remedy(kImportRemedy));
  SCANGATE_TRY(const std::int64_t version, value("PRAGMA user_version"));
  if (version != kDatabaseVersion)
    return fail(Error(Fault::host, fmt::format("this advisory database has format {}, this program reads format {}",
                                               version, kDatabaseVersion))
                    .at(path.string())
                    .remedy(kImportRemedy));
  // A file cut short would only be noticed when a missing page is asked for, or as SIGBUS by the mapping.
  SCANGATE_TRY(const std::int64_t pages, value("PRAGMA page_count"));
  SCANGATE_TRY(const std::int64_t page_size, value("PRAGMA page_size"));
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || static_cast<std::int64_t>(size) != pages * page_size)
    return fail(damaged_database(path, "the file is cut short"));
  // Views and triggers would let a hostile file run SQL of its own.
  SCANGATE_TRY(const std::int64_t foreign,
               value("SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table', 'index')"));
  if (foreign != 0) return fail(damaged_database(path, "it holds more than tables"));
  return {};
}

}  // namespace

Error damaged_database(const std::filesystem::path& path, std::string_view cause) {
  return Error(Fault::host, fmt::format("the advisory database is damaged: {}", cause))
      .at(path.string())
      .remedy(kImportRemedy);
}

AdvisoryDatabase::AdvisoryDatabase(std::unique_ptr<State> state) : state_(std::move(state)) {}
AdvisoryDatabase::~AdvisoryDatabase() = default;

Result<std::shared_ptr<AdvisoryDatabase>> AdvisoryDatabase::open(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return fail(Error(Fault::user, "there is no advisory database")
                    .at(path.string())
                    .remedy("import advisories first: scangate db import PATH…"));
  // SQLite's own words for a missing permission would read as damage.
  if (auto readable = open_file(path, O_RDONLY); !readable) return fail(std::move(readable).error());
  auto state = std::make_unique<State>();
  state->path = path;
  const auto damaged = [&](const Error& cause) { return fail(damaged_database(path, cause.cause())); };
  auto connection = SqliteConnection::open_read_only(path);
  if (!connection) return damaged(connection.error());
  state->connection = std::move(*connection);
  SCANGATE_CHECK(check_format(state->connection, path));

  const auto load = [&](std::string_view sql, const auto& take) -> Result<void> {
    SCANGATE_TRY(auto rows, state->connection.prepare(sql));
    for (;;) {
      SCANGATE_TRY(const bool row, rows.step());
      if (!row) return {};
      take(rows);
    }
  };
  auto loaded = load("SELECT value FROM meta WHERE key = 'fingerprint'",
                     [&](const SqliteStatement& row) { state->fingerprint = row.text(0); });
  if (loaded) {
    loaded = load("SELECT name, records, newest, imported FROM source ORDER BY name", [&](const SqliteStatement& row) {
      DataSource source{.name = std::string(row.text(0)),
                        .records = static_cast<std::size_t>(row.integer(1)),
                        .newest = {},
                        .imported = TimePoint(std::chrono::seconds(row.integer(3)))};
      if (!row.is_null(2)) source.newest = TimePoint(std::chrono::seconds(row.integer(2)));
      state->sources.push_back(std::move(source));
    });
  }
  if (loaded) {
    loaded = load("SELECT name, id FROM ecosystem", [&](const SqliteStatement& row) {
      state->ecosystems.emplace(std::string(row.text(0)), row.integer(1));
    });
  }
  if (!loaded) return damaged(loaded.error());
  if (state->fingerprint.empty()) return fail(damaged_database(path, "it has no fingerprint"));

  const auto prepare = [&](SqliteStatement& statement, std::string_view sql) -> Result<void> {
    SCANGATE_TRY(statement, state->connection.prepare(sql));
    return {};
  };
  auto prepared = prepare(state->rows_of_package,
                          "SELECT advisory, versions, severity, severity_source, severity_rank, vectors "
                          "FROM affected WHERE ecosystem = ?1 AND package = ?2");
  if (prepared) {
    prepared = prepare(state->advisory,
                       "SELECT name, ids, upstream, severity, severity_source, severity_rank, vectors, title, details, "
                       "links, published FROM advisory WHERE id = ?1");
  }
  if (prepared) {
    prepared = prepare(state->flaw, "SELECT severity, severity_source, severity_rank, vectors FROM flaw WHERE id = ?1");
  }
  if (!prepared) return damaged(prepared.error());
  return std::shared_ptr<AdvisoryDatabase>(new AdvisoryDatabase(std::move(state)));
}

std::vector<DataSource> AdvisoryDatabase::sources() const {
  return state_->sources;
}

std::string AdvisoryDatabase::fingerprint() const {
  return state_->fingerprint;
}

}  // namespace scangate
