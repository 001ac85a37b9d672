// The sample in examples/advisories does what its README says.
#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "tests/scan/advisory/test_database.h"

namespace scangate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ExampleAdvisories, StopTheOutdatedAndLetTheCurrentPass) {
  const TestDatabase files({});
  RecordingProgress progress;
  const auto report = import_advisories({std::filesystem::path(SCANGATE_SOURCE_DIR) / "examples/advisories"},
                                        files.file(), FixedClock(import_time()), Cancel(), progress);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->records, 90U);
  EXPECT_EQ(report->refused, 0U);
  EXPECT_THAT(progress.warnings, IsEmpty());
  std::map<std::string, std::size_t> records;
  for (const auto& source : report->sources)
    records[source.name] = source.records;
  EXPECT_THAT(records, ElementsAre(std::pair("Debian", 23), std::pair("PyPI", 38), std::pair("npm", 29)));

  const auto database = AdvisoryDatabase::open(files.file());
  ASSERT_TRUE(database);
  const auto fixable_high = [&](const std::vector<Package>& packages) {
    std::map<std::string, int> counts;
    const auto match = match_all(**database, packages, debian_12());
    for (const auto& coverage : match.coverage)
      EXPECT_TRUE(coverage.has_data) << coverage.ecosystem;
    for (const auto& finding : match.findings) {
      EXPECT_NE(finding.severity, Severity::unknown) << finding.id;
      EXPECT_FALSE(finding.id.starts_with("x_")) << finding.id;
      if (finding.severity >= Severity::high && finding.fix == FixState::fixed) ++counts[finding.package->name];
    }
    return counts;
  };
  EXPECT_THAT(fixable_high({language("pypi", "flask", "2.2.2"), language("pypi", "werkzeug", "2.2.2"),
                            language("npm", "lodash", "4.17.15"), language("npm", "minimist", "1.2.0"),
                            deb("openssh-server", "1:9.2p1-2", "openssh")}),
              ElementsAre(std::pair("flask", 1), std::pair("lodash", 2), std::pair("minimist", 1),
                          std::pair("openssh-server", 2), std::pair("werkzeug", 3)));
  EXPECT_THAT(
      fixable_high({language("pypi", "flask", "3.1.2"), language("pypi", "werkzeug", "3.1.3"),
                    language("pypi", "jinja2", "3.1.6"), language("pypi", "pip", "25.3"),
                    language("pypi", "setuptools", "80.9.0"), language("npm", "lodash", "4.17.21"),
                    language("npm", "event-stream", "3.3.4"), deb("openssh-server", "1:9.2p1-2+deb12u7", "openssh"),
                    deb("zlib1g", "1:1.2.13.dfsg-1", "zlib")}),
      IsEmpty());
}

}  // namespace
}  // namespace scangate
