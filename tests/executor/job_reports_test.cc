#include "executor/session/job_reports.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace scangate {
namespace {
namespace fs = std::filesystem;

TEST(JobReports, ADeclaredPathNamesOneFileThatItMatches) {
  const std::pair<const char*, const char*> rows[] = {
      {"junit.xml", "junit.xml"},
      {"./out/junit.xml", "out/junit.xml"},
      {"out/rspec-*.xml", "out/rspec-scangate.xml"},
      {"**/TEST-*.xml", "TEST-scangate.xml"},
      {"*/target/**/*.xml", "scangate/target/scangate.xml"},
      {"a/../../x.xml", ""},
      {"/etc/x.xml", ""},
      {"out/", ""},
      {"out/**", ""},
      {"out/r?.xml", ""},
      {"{a,b}.xml", ""},
      {"", ""},
  };
  for (const auto& [declared, file] : rows)
    EXPECT_EQ(file_for_declared(declared), file) << declared;
}

class Written : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::make("/tmp", "sg-reports-");
    ASSERT_TRUE(made);
    folder_.emplace(std::move(*made));
    project_ = folder_->path() / "project";
    ASSERT_TRUE(make_directories(project_));
  }
  Result<WrittenReports> write(const std::vector<DeclaredReport>& declared, const std::vector<std::string>& own = {}) {
    return write_job_reports({{.file = report_file(ReportFormat::junit), .text = "<x/>"},
                              {.file = report_file(ReportFormat::codequality), .text = "[]"}},
                             project_, declared, own);
  }
  std::string text(const fs::path& path) const { return read_file(path, 1000).value_or("missing"); }

  std::optional<TempDir> folder_;
  fs::path project_;
};

TEST_F(Written, ReportsGoToTheirFolderAndWhereTheyAreDeclared) {
  const auto written = write({{"junit", "deep/er/junit.xml"},
                              {"container_scanning", "cs.json"},
                              {"codequality", "scangate-reports/gl-code-quality-report.json"}});
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_EQ(written->files, (std::vector<std::string>{"scangate-reports/junit.xml", "deep/er/junit.xml",
                                                      "scangate-reports/gl-code-quality-report.json"}));
  EXPECT_EQ(written->warnings, std::vector<std::string>{});
  EXPECT_EQ(text(project_ / "deep/er/junit.xml"), "<x/>");
}

TEST_F(Written, AFileOfTheJobItselfIsLeftAlone) {
  ASSERT_TRUE(write_file_atomic(project_ / "junit.xml", as_bytes("unit tests")));
  auto written = write({{"junit", "junit.xml"}});
  ASSERT_TRUE(written);
  EXPECT_EQ(written->warnings,
            (std::vector<std::string>{"the junit report is in scangate-reports/junit.xml, not at the declared path "
                                      "'junit.xml': the job's own file is there"}));
  EXPECT_EQ(text(project_ / "junit.xml"), "unit tests");
  written = write({{"junit", "junit.xml"}}, {"junit.xml"});
  ASSERT_TRUE(written);
  EXPECT_EQ(text(project_ / "junit.xml"), "<x/>");
}

TEST_F(Written, ASymlinkLeadsNowhereElse) {
  ASSERT_TRUE(make_directories(folder_->path() / "outside"));
  fs::create_directory_symlink(folder_->path() / "outside", project_ / "out");
  fs::create_symlink(folder_->path() / "outside/file", project_ / "link.xml");
  const auto written = write({{"junit", "out/junit.xml"}, {"junit", "link.xml"}}, {"link.xml"});
  ASSERT_TRUE(written);
  EXPECT_EQ(written->warnings.size(), 2U);
  EXPECT_TRUE(fs::is_empty(folder_->path() / "outside"));
}

}  // namespace
}  // namespace scangate
