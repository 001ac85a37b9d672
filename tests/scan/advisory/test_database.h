#pragma once
// Databases made of a few OSV documents, for tests.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "scan/advisory/advisory.h"

namespace scangate {

class RecordingProgress final : public Progress {
 public:
  void line(Level level, std::string_view text) override {
    if (level == Level::warning) warnings.emplace_back(text);
    if (level == Level::info) infos.emplace_back(text);
  }
  void bytes(std::string_view, std::uint64_t, std::uint64_t) override {}
  void output(std::string_view, std::string_view) override {}
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};

inline TimePoint import_time() {
  return *parse_time("2026-11-22T10:00:00Z");
}

// A folder with documents and the database made of them.
class TestDatabase {
 public:
  explicit TestDatabase(const std::vector<std::string>& documents) {
    auto made = TempDir::make(std::filesystem::temp_directory_path(), "scangate-advisory-");
    EXPECT_TRUE(made) << made.error().text();
    folder_.emplace(std::move(*made));
    std::filesystem::create_directory(input());
    int number = 100;
    for (const auto& document : documents)
      std::ofstream(input() / (std::to_string(number++) + ".json")) << document;
  }
  std::filesystem::path input() const { return folder_->path() / "osv"; }
  std::filesystem::path file() const { return folder_->path() / "advisories.db"; }
  std::filesystem::path folder() const { return folder_->path(); }

  Result<ImportReport> import(RecordingProgress& progress) const {
    return import_advisories({input()}, file(), FixedClock(import_time()), Cancel(), progress);
  }
  std::shared_ptr<AdvisoryDatabase> open() const {
    RecordingProgress progress;
    const auto report = import(progress);
    EXPECT_TRUE(report) << report.error().text();
    for (const auto& warning : progress.warnings)
      ADD_FAILURE() << warning;
    auto database = AdvisoryDatabase::open(file());
    EXPECT_TRUE(database) << database.error().text();
    return database ? *database : nullptr;
  }

 private:
  std::optional<TempDir> folder_;
};

// {"id": ID, …extra, "affected": [{"package": …, "ranges": [{"type": "ECOSYSTEM", "events": EVENTS}]}]}
inline std::string osv(const std::string& id, const std::string& ecosystem, const std::string& package,
                       const std::string& events, const std::string& extra = {}) {
  return R"({"schema_version":"1.7.3","modified":"2026-01-02T03:04:05Z","id":")" + id + "\"," +
         (extra.empty() ? "" : extra + ",") + R"("affected":[{"package":{"ecosystem":")" + ecosystem + R"(","name":")" +
         package + R"("},"ranges":[{"type":"ECOSYSTEM","events":)" + events + "}]}]}";
}

inline OsRelease debian_12() {
  return {.id = "debian", .version_id = "12", .version_codename = "bookworm", .pretty_name = {}, .id_like = {}};
}
inline Package deb(const std::string& name, const std::string& version, const std::string& source = {},
                   const std::string& source_version = {}) {
  Package package;
  package.type = "deb";
  package.name_space = "debian";
  package.name = name;
  package.version = version;
  package.source_name = source.empty() ? name : source;
  package.source_version = source_version.empty() ? version : source_version;
  return package;
}
inline Package language(const std::string& type, const std::string& name, const std::string& version,
                        const std::string& name_space = {}) {
  Package package;
  package.type = type;
  package.name_space = name_space;
  package.name = name;
  package.version = version;
  package.source_name = name;
  package.source_version = version;
  return package;
}

inline AdvisoryDatabase::Match match_all(const AdvisoryDatabase& database, const std::vector<Package>& packages,
                                         const std::optional<OsRelease>& os = std::nullopt) {
  Inventory inventory;
  inventory.os = os;
  inventory.packages = packages;
  auto match = database.match(inventory);
  EXPECT_TRUE(match) << match.error().text();
  return match ? std::move(*match) : AdvisoryDatabase::Match{};
}

}  // namespace scangate
