#include <gmock/gmock.h>

#include <fstream>

#include "tests/scan/advisory/test_database.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kBelow2 = R"([{"introduced":"0"},{"fixed":"2.0"}])";

TEST(Import, CountsRecordsWithdrawnAndRefused) {
  const TestDatabase files({
      osv("PYSEC-1", "PyPI", "a", kBelow2),
      osv("PYSEC-2", "PyPI", "a", kBelow2, R"("withdrawn":"2026-01-01T00:00:00Z")"),
      R"({"vulnerabilities": [], "count": 3})",
      R"([1, 2])",
      R"({"id":"PYSEC-3","modified":"2026-01-01T00:00:00Z","affected":7})",
      R"({"id": )",
  });
  RecordingProgress progress;
  const auto report = files.import(progress);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->records, 2U);
  EXPECT_EQ(report->withdrawn, 1U);
  EXPECT_EQ(report->refused, 2U);
  const std::string in = files.input().string();
  EXPECT_THAT(progress.infos,
              ElementsAre(in + "/102.json: no OSV document, skipped", in + "/103.json: no OSV document, skipped"));
  ASSERT_THAT(progress.warnings, SizeIs(2));
  EXPECT_EQ(progress.warnings[0], in + "/104.json: 'affected' is not an array");
  EXPECT_TRUE(progress.warnings[1].starts_with(in + "/105.json: not valid JSON: ")) << progress.warnings[1];
  ASSERT_THAT(report->sources, SizeIs(1));
  EXPECT_EQ(report->sources[0].name, "PyPI");
  EXPECT_EQ(report->sources[0].records, 1U);
  EXPECT_EQ(report->sources[0].newest, parse_time("2026-01-02T03:04:05Z"));
  EXPECT_EQ(report->sources[0].imported, import_time());
  // Nothing but the database is left beside the input.
  EXPECT_EQ(std::distance(fs::directory_iterator(files.folder()), fs::directory_iterator()), 2);
}

TEST(Import, LaterModifiedDocumentWins) {
  std::string newer = osv("PYSEC-1", "PyPI", "a", R"([{"introduced":"0"},{"fixed":"3.0"}])");
  newer.replace(newer.find("2026-01-02"), 10, "2026-05-05");
  for (const auto& documents : {std::vector{osv("PYSEC-1", "PyPI", "a", kBelow2), newer},
                                std::vector{newer, osv("PYSEC-1", "PyPI", "a", kBelow2)}}) {
    const TestDatabase files(documents);
    const auto database = files.open();
    const auto match = match_all(*database, {language("pypi", "a", "2.5")});
    EXPECT_THAT(match.findings, SizeIs(1));
    EXPECT_EQ(database->sources().at(0).records, 1U);
  }
}

TEST(Import, NothingUsableIsAnErrorAndKeepsTheOldDatabase) {
  const TestDatabase files({osv("PYSEC-1", "PyPI", "a", kBelow2)});
  const std::string before = files.open()->fingerprint();
  fs::remove(files.input() / "100.json");
  std::ofstream(files.input() / "kev.json") << R"({"title":"no advisory"})";
  RecordingProgress progress;
  const auto report = files.import(progress);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault(), Fault::user);
  EXPECT_EQ(report.error().text(), files.input().string() +
                                       ": no advisory in OSV form was found (give OSV exports: "
                                       "https://osv-vulnerabilities.storage.googleapis.com/<ecosystem>/all.zip)");
  const auto still = AdvisoryDatabase::open(files.file());
  ASSERT_TRUE(still);
  EXPECT_EQ((*still)->fingerprint(), before);
}

TEST(Import, MissingInputAndForeignFileAreUserErrors) {
  const TestDatabase files({});
  RecordingProgress progress;
  auto report =
      import_advisories({files.folder() / "none"}, files.file(), FixedClock(import_time()), Cancel(), progress);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().text(), (files.folder() / "none").string() + ": there is no such file or folder");
  std::ofstream(files.folder() / "a.csv") << "x";
  report = import_advisories({files.folder() / "a.csv"}, files.file(), FixedClock(import_time()), Cancel(), progress);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().text(),
            (files.folder() / "a.csv").string() + ": advisories come as .json or .zip files or a folder of them");
  EXPECT_FALSE(fs::exists(files.file()));
}

TEST(Import, BrokenArchiveIsAnErrorNotHalfAnImport) {
  const TestDatabase files({osv("PYSEC-1", "PyPI", "a", kBelow2)});
  std::ofstream(files.input() / "all.zip") << "PK\x03\x04 cut short";
  RecordingProgress progress;
  const auto report = files.import(progress);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault(), Fault::user);
  EXPECT_TRUE(report.error().text().starts_with((files.input() / "all.zip").string() + ": ")) << report.error().text();
  EXPECT_FALSE(fs::exists(files.file()));
}

TEST(Import, StopsOnRequest) {
  const TestDatabase files({osv("PYSEC-1", "PyPI", "a", kBelow2)});
  RecordingProgress progress;
  const Cancel cancel;
  cancel.cancel();
  const auto report = import_advisories({files.input()}, files.file(), FixedClock(import_time()), cancel, progress);
  ASSERT_FALSE(report);
  EXPECT_FALSE(fs::exists(files.file()));
}

TEST(Import, FingerprintFollowsData) {
  const TestDatabase one({osv("PYSEC-1", "PyPI", "a", kBelow2)});
  const TestDatabase two({osv("PYSEC-1", "PyPI", "b", kBelow2)});
  EXPECT_EQ(one.open()->fingerprint(), one.open()->fingerprint());
  EXPECT_NE(one.open()->fingerprint(), two.open()->fingerprint());
}

TEST(Database, MissingFileNamesTheRemedy) {
  const auto database = AdvisoryDatabase::open("/nonexistent/advisories.db");
  ASSERT_FALSE(database);
  EXPECT_EQ(database.error().fault(), Fault::user);
  EXPECT_EQ(
      database.error().text(),
      "/nonexistent/advisories.db: there is no advisory database (import advisories first: scangate db import PATH…)");
}

TEST(Database, DamageIsOneLineWithTheRemedy) {
  const TestDatabase files({osv("PYSEC-1", "PyPI", "a", kBelow2)});
  files.open();
  const std::string path = files.file().string();
  const std::string remedy = " (build a new one: scangate db import PATH…)";
  const auto good = read_file(files.file(), 1U << 30U);
  ASSERT_TRUE(good);
  const auto expect_damage = [&](const std::string& content, const std::string& text) {
    std::ofstream(files.file(), std::ios::binary | std::ios::trunc) << content;
    const auto database = AdvisoryDatabase::open(files.file());
    ASSERT_FALSE(database);
    EXPECT_EQ(database.error().fault(), Fault::host);
    EXPECT_EQ(database.error().text(), path + ": " + text + remedy);
  };
  expect_damage(
      "this is not a database, but long enough to look like a file of one hundred bytes or more, is it not? yes",
      "the advisory database is damaged: file is not a database");
  expect_damage("", "this is not an advisory database of scangate");
  expect_damage(good->substr(0, good->size() - 4096),
                "the advisory database is damaged: database disk image is malformed");
  std::string version = *good;
  version[63] = 9;  // the last byte of user_version, https://www.sqlite.org/fileformat.html section 1.3
  expect_damage(version, "this advisory database has format 9, this program reads format 1");
}

TEST(Database, DamageFoundWhileMatchingIsAnError) {
  const TestDatabase files({osv("PYSEC-1", "PyPI", "a", kBelow2)});
  files.open();
  auto content = read_file(files.file(), 1U << 30U);
  ASSERT_TRUE(content);
  // All pages but the first two (schema) become noise.
  for (std::size_t i = 2 * 4096; i < content->size(); ++i)
    (*content)[i] = static_cast<char>(i * 131);
  std::ofstream(files.file(), std::ios::binary | std::ios::trunc) << *content;
  const auto database = AdvisoryDatabase::open(files.file());
  if (!database) {
    EXPECT_EQ(database.error().fault(), Fault::host);
    return;
  }
  Inventory inventory;
  inventory.packages = {language("pypi", "a", "1.0")};
  EXPECT_FALSE((*database)->match(inventory));
}

TEST(Import, ReadsTheWholeSnapshot) {
  const fs::path snapshot = fs::path(SCANGATE_SOURCE_DIR) / "../shared/advisories";
  if (!fs::exists(snapshot)) GTEST_SKIP() << snapshot << " is not there";
  const TestDatabase files({});
  RecordingProgress progress;
  const auto report = import_advisories({snapshot}, files.file(), FixedClock(import_time()), Cancel(), progress);
  ASSERT_TRUE(report) << report.error().text();
  // 16,551 in the archives and one more beside the conversion scripts.
  EXPECT_EQ(report->records, 16'552U);
  EXPECT_EQ(report->withdrawn, 29U);
  EXPECT_EQ(report->refused, 0U);
  EXPECT_THAT(progress.warnings, IsEmpty());
  const auto database = AdvisoryDatabase::open(files.file());
  ASSERT_TRUE(database) << database.error().text();
  const auto match = match_all(**database,
                               {language("pypi", "flask", "2.0.1"), language("npm", "lodash", "4.17.4"),
                                deb("openssl", "3.0.9-1"), language("npm", "lodash", "4.17.21")},
                               debian_12());
  std::map<std::string, int> counts;
  for (const auto& finding : match.findings)
    ++counts[finding.package->name + " " + finding.package->version];
  EXPECT_GE(counts["flask 2.0.1"], 1);
  EXPECT_GE(counts["lodash 4.17.4"], 3);
  EXPECT_EQ(counts["lodash 4.17.21"], 0);
  EXPECT_GE(counts["openssl 3.0.9-1"], 10);
}

}  // namespace
}  // namespace scangate
