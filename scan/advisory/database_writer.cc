#include "scan/advisory/database_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/text.h"
#include "scan/advisory/ecosystem.h"
#include "scan/advisory/schema.h"
#include "scan/advisory/text_lists.h"

namespace scangate {
namespace {

// What is kept of an advisory's prose: enough to recognise the flaw; the links lead to the rest. The whole snapshot of
// 16,551 records stays near 15 MB that way.
constexpr std::size_t kMaxTitleBytes = 200;
constexpr std::size_t kMaxDetailsBytes = 500;

std::string first_line(std::string_view text) {
  text = trim(text);
  std::string line(trim(text.substr(0, text.find('\n'))));
  while (line.starts_with('#'))
    line.erase(0, 1);
  return std::string(trim(line));
}

// The flaw ids a record speaks of. A record of one flaw has them as `ids`; a bulletin (DSA, USN, ALSA) bundles several
// flaws in `upstream`: each becomes a finding of its own.
struct FlawIds {
  std::vector<std::string> ids;
  std::vector<std::string> upstream;
};

FlawIds flaw_ids(const OsvDocument& document) {
  FlawIds flaws{document.aliases, {}};
  const auto is_cve = [](const std::string& id) { return id.starts_with("CVE-"); };
  std::copy_if(document.upstream.begin(), document.upstream.end(), std::back_inserter(flaws.upstream), is_cve);
  if (flaws.upstream.empty()) {
    // The errata of the RHEL family, and older notices, name their CVEs as related.
    for (const std::string_view prefix :
         {"ALSA-", "RLSA-", "RHSA-", "USN-", "DSA-", "DLA-", "SUSE-SU-", "openSUSE-SU-"}) {
      if (document.id.starts_with(prefix))
        std::copy_if(document.related.begin(), document.related.end(), std::back_inserter(flaws.upstream), is_cve);
    }
  }
  // "DEBIAN-CVE-2023-1" is about CVE-2023-1, whatever else it names.
  for (const auto& cve : flaws.upstream) {
    if (document.id.ends_with("-" + cve)) {
      flaws.upstream = {cve};
      break;
    }
  }
  if (flaws.upstream.size() == 1) {
    flaws.ids.push_back(flaws.upstream.front());
    flaws.upstream.clear();
  }
  std::sort(flaws.ids.begin(), flaws.ids.end());
  flaws.ids.erase(std::unique(flaws.ids.begin(), flaws.ids.end()), flaws.ids.end());
  std::erase(flaws.ids, document.id);
  return flaws;
}

std::int64_t seconds(TimePoint time) {
  return time.time_since_epoch().count();
}

Result<void> sync_path(const std::filesystem::path& path, int flags) {
  SCANGATE_TRY(const auto file, open_file(path, flags));
  if (::fsync(file.get()) != 0) return fail(host_error("cannot sync " + path.string(), errno));
  return {};
}

}  // namespace

Result<DatabaseWriter> DatabaseWriter::begin(const std::filesystem::path& database) {
  const auto parent = std::filesystem::absolute(database).parent_path();
  SCANGATE_CHECK(make_directories(parent));
  SCANGATE_TRY(auto folder, TempDir::make(parent, ".scangate-db-"));
  SCANGATE_TRY(auto connection, SqliteConnection::create(folder.path() / "build"));
  DatabaseWriter writer(database, std::move(folder), std::move(connection));
  SCANGATE_CHECK(writer.prepare());
  return writer;
}

Result<void> DatabaseWriter::prepare() {
  // No journal and no syncs: a half-written file is thrown away, never opened.
  SCANGATE_CHECK(connection_.execute(
      fmt::format("PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536; "
                  "PRAGMA application_id={}; PRAGMA user_version={}; BEGIN; {}",
                  kDatabaseApplicationId, kDatabaseVersion, kDatabaseSchema)));
  SCANGATE_TRY(insert_advisory_,
               connection_.prepare("INSERT INTO advisory VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"));
  SCANGATE_TRY(insert_affected_, connection_.prepare("INSERT INTO affected VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)"));
  SCANGATE_TRY(insert_ecosystem_, connection_.prepare("INSERT INTO ecosystem VALUES(?1,?2)"));
  return {};
}

Result<void> DatabaseWriter::add(const OsvDocument& document) {
  auto [at, is_new] = known_.try_emplace(document.id);
  if (!is_new) {
    if (document.modified <= at->second.modified) return {};
    superseded_.push_back(at->second.row);
  }
  at->second = Known{next_row_, document.modified};
  const SeverityFacts severity = document_severity(document);
  SCANGATE_CHECK(add_advisory(next_row_, document, severity));
  SCANGATE_CHECK(add_affected(next_row_, document));
  ++next_row_;
  return {};
}

Result<void> DatabaseWriter::add_advisory(std::int64_t row, const OsvDocument& document,
                                          const SeverityFacts& severity) {
  const FlawIds flaws = flaw_ids(document);
  std::vector<std::string> own = flaws.ids;
  own.push_back(document.id);
  if (flaws.upstream.empty()) learn_flaws(document, own, severity);

  const std::string ids = join_lines(flaws.ids);
  const std::string upstream = join_lines(flaws.upstream);
  const std::string vectors = join_lines(severity.vectors);
  const std::string links = join_lines(document.references);
  const std::string title =
      cut_text(one_line(document.summary.empty() ? first_line(document.details) : document.summary), kMaxTitleBytes);
  const std::string details = cut_text(printable(trim(document.details)), kMaxDetailsBytes);
  auto& insert = insert_advisory_;
  insert.bind(1, row);
  insert.bind(2, document.id);
  insert.bind(3, ids);
  insert.bind(4, upstream);
  insert.bind(5, static_cast<std::int64_t>(severity.severity));
  insert.bind(6, severity.source);
  insert.bind(7, static_cast<std::int64_t>(severity.rank));
  insert.bind(8, vectors);
  insert.bind(9, title);
  insert.bind(10, details == title ? std::string_view() : details);
  insert.bind(11, links);
  document.modified ? insert.bind(12, seconds(*document.modified)) : insert.bind_null(12);
  document.published ? insert.bind(13, seconds(*document.published)) : insert.bind_null(13);
  digest_.update(
      fmt::format("{}\n{}\n{}\n{}\n{}\n", document.id, ids, upstream, vectors, static_cast<int>(severity.severity)));
  return insert.run();
}

Result<void> DatabaseWriter::add_affected(std::int64_t row, const OsvDocument& document) {
  std::int64_t part = 0;
  for (const auto& affected : document.affected) {
    if (affected.git_only) continue;
    SCANGATE_TRY(const std::int64_t ecosystem, ecosystem_row(affected.ecosystem));
    const std::string name = ecosystem_package_name(affected.ecosystem, affected.package);
    const std::string versions = encode_affected(affected.versions, ecosystem_scheme(affected.ecosystem));
    const SeverityFacts severity = affected_severity(document, affected);
    const std::string vectors = join_lines(severity.vectors);
    auto& insert = insert_affected_;
    insert.bind(1, ecosystem);
    insert.bind(2, name);
    insert.bind(3, row);
    insert.bind(4, part++);
    insert.bind(5, versions);
    if (severity.rank == SeverityRank::none) {
      for (int column = 6; column <= 9; ++column)
        insert.bind_null(column);
    } else {
      insert.bind(6, static_cast<std::int64_t>(severity.severity));
      insert.bind(7, severity.source);
      insert.bind(8, static_cast<std::int64_t>(severity.rank));
      insert.bind(9, vectors);
    }
    digest_.update(fmt::format("{}\n{}\n{}\n", affected.ecosystem, name, versions));
    SCANGATE_CHECK(insert.run());
  }
  return {};
}

Result<std::int64_t> DatabaseWriter::ecosystem_row(const std::string& name) {
  const auto [at, is_new] = ecosystems_.try_emplace(name, static_cast<std::int64_t>(ecosystems_.size() + 1));
  if (is_new) {
    insert_ecosystem_.bind(1, at->second);
    insert_ecosystem_.bind(2, at->first);
    SCANGATE_CHECK(insert_ecosystem_.run());
  }
  return at->second;
}

// Debian's records carry no rating; the GitHub advisory of the same CVE for another ecosystem often does.
void DatabaseWriter::learn_flaws(const OsvDocument& document, const std::vector<std::string>& ids,
                                 const SeverityFacts& severity) {
  SeverityFacts best = severity;
  if (best.rank == SeverityRank::none) {
    for (const auto& affected : document.affected)
      best.improve(affected_severity(document, affected));
  }
  if (best.rank == SeverityRank::none) return;
  for (const auto& id : ids) {
    if (id.starts_with("CVE-")) flaws_[id].improve(best);
  }
}

Result<void> DatabaseWriter::write_flaws() {
  SCANGATE_TRY(auto insert, connection_.prepare("INSERT INTO flaw VALUES(?1,?2,?3,?4,?5)"));
  for (const auto& [id, severity] : flaws_) {
    const std::string vectors = join_lines(severity.vectors);
    insert.bind(1, id);
    insert.bind(2, static_cast<std::int64_t>(severity.severity));
    insert.bind(3, severity.source);
    insert.bind(4, static_cast<std::int64_t>(severity.rank));
    insert.bind(5, vectors);
    SCANGATE_CHECK(insert.run());
  }
  return {};
}

Result<void> DatabaseWriter::drop_superseded() {
  if (superseded_.empty()) return {};
  SCANGATE_CHECK(connection_.execute("CREATE TEMP TABLE old(id INTEGER PRIMARY KEY)"));
  SCANGATE_TRY(auto insert, connection_.prepare("INSERT INTO old VALUES(?1)"));
  for (const std::int64_t row : superseded_) {
    insert.bind(1, row);
    SCANGATE_CHECK(insert.run());
  }
  return connection_.execute(
      "DELETE FROM affected WHERE advisory IN (SELECT id FROM old);"
      "DELETE FROM advisory WHERE id IN (SELECT id FROM old)");
}

Result<std::vector<DataSource>> DatabaseWriter::write_sources(TimePoint imported) {
  struct Count {
    std::int64_t records = 0;
    std::int64_t newest = 0;
  };
  std::map<std::string, Count> counts;
  SCANGATE_TRY(auto rows, connection_.prepare(
                              "SELECT DISTINCT advisory.id, CASE instr(ecosystem.name, ':') WHEN 0 THEN ecosystem.name "
                              "ELSE substr(ecosystem.name, 1, instr(ecosystem.name, ':') - 1) END, advisory.modified "
                              "FROM affected JOIN ecosystem ON ecosystem.id = affected.ecosystem "
                              "JOIN advisory ON advisory.id = affected.advisory"));
  for (;;) {
    SCANGATE_TRY(const bool row, rows.step());
    if (!row) break;
    auto& count = counts[std::string(rows.text(1))];
    ++count.records;
    count.newest = std::max(count.newest, rows.integer(2));
  }
  SCANGATE_TRY(auto insert, connection_.prepare("INSERT INTO source VALUES(?1,?2,?3,?4)"));
  std::vector<DataSource> sources;
  for (const auto& [name, count] : counts) {
    insert.bind(1, name);
    insert.bind(2, count.records);
    count.newest > 0 ? insert.bind(3, count.newest) : insert.bind_null(3);
    insert.bind(4, seconds(imported));
    SCANGATE_CHECK(insert.run());
    DataSource source{.name = name, .records = static_cast<std::size_t>(count.records), .newest = {}, .imported = {}};
    if (count.newest > 0) source.newest = TimePoint(std::chrono::seconds(count.newest));
    source.imported = imported;
    sources.push_back(std::move(source));
  }
  return sources;
}

Result<std::vector<DataSource>> DatabaseWriter::finish(TimePoint imported) {
  SCANGATE_CHECK(drop_superseded());
  SCANGATE_CHECK(write_flaws());
  SCANGATE_TRY(auto sources, write_sources(imported));
  digest_.update(format_rfc3339(imported));
  SCANGATE_TRY(auto meta, connection_.prepare("INSERT INTO meta VALUES('fingerprint',?1)"));
  const std::string fingerprint = digest_.finish().hex();
  meta.bind(1, fingerprint);
  SCANGATE_CHECK(meta.run());
  SCANGATE_CHECK(connection_.execute("COMMIT"));
  // Rows came in the documents' order; this writes each table in the order of its key, without gaps.
  const std::filesystem::path packed = folder_.path() / "packed";
  {
    SCANGATE_TRY(auto vacuum, connection_.prepare("VACUUM INTO ?1"));
    const std::string target = packed.string();
    vacuum.bind(1, target);
    SCANGATE_CHECK(vacuum.run());
  }
  if (::chmod(packed.c_str(), 0644) != 0)
    return fail(host_error("cannot change the mode of " + packed.string(), errno));
  SCANGATE_CHECK(sync_path(packed, O_RDONLY));
  if (::rename(packed.c_str(), database_.c_str()) != 0)
    return fail(host_error("cannot put the new database at " + database_.string(), errno));
  SCANGATE_CHECK(sync_path(std::filesystem::absolute(database_).parent_path(), O_RDONLY | O_DIRECTORY));
  return sources;
}

}  // namespace scangate
