// The reports against the published schemas, read by python's validators.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "scan/report/report.h"
#include "tests/scan/report/sample_result.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;

struct Sample {
  const char* name;
  std::vector<ScanResult> results;
};

std::vector<Sample> samples(ReportFormat format) {
  ScanResult undecided = sample_result();
  undecided.verdict.outcome = Outcome::undecided;
  // One past the caps; a third of a second a hundred for the large schema keeps that report small.
  const std::size_t large = format == ReportFormat::gitlab ? 200 : 10'001;
  ScanResult bare;  // FROM scratch, nothing known
  bare.image.name = "scratch";
  return {{"none", {}},
          {"one", {sample_result()}},
          {"undecided", {undecided}},
          {"bare", {bare}},
          {"hostile", {hostile_result(), sample_result(), hostile_result()}},
          {"large", {large_result(large)}}};
}

// Of several python3 on a machine the distribution's is the one whose modules apt installs.
std::string python() {
  for (const std::string program : {"python3", "/usr/bin/python3"}) {
    if (std::system((program + " -c 'import jsonschema, lxml' > /dev/null 2>&1").c_str()) == 0) return program;
  }
  return {};
}

// Runs `script` with python3 on the schema and a report of each sample.
void expect_valid(ReportFormat format, const fs::path& schema, const std::string& script) {
  if (!fs::exists(schema)) GTEST_SKIP() << schema << " is not there";
  const std::string interpreter = python();
  if (interpreter.empty()) GTEST_SKIP() << "no python3 with jsonschema and lxml here";
  const auto folder = TempDir::make(fs::temp_directory_path(), "scangate-report-");
  ASSERT_TRUE(folder);
  std::ofstream(folder->path() / "check.py") << script;
  for (const Sample& sample : samples(format)) {
    const fs::path report = folder->path() / sample.name;
    std::ofstream(report, std::ios::binary) << render_report(format, sample.results, {});
    const fs::path told = folder->path() / "told";
    const std::string command = interpreter + " " + (folder->path() / "check.py").string() + " '" + schema.string() +
                                "' " + report.string() + " > " + told.string() + " 2>&1";
    const int code = std::system(command.c_str());
    const auto output = read_file(told, 64U << 20U);
    // The end of a traceback names the error.
    const std::string tail =
        output && output->size() > 2'000 ? output->substr(output->size() - 2'000) : output.value_or("");
    EXPECT_EQ(code, 0) << sample.name << "\n" << tail;
  }
}

fs::path schemas() {
  return fs::path(SCANGATE_SOURCE_DIR) / "../shared/schemas";
}

TEST(ReportSchema, GitlabContainerScanning) {
  expect_valid(ReportFormat::gitlab, schemas() / "gitlab-container-scanning-15.2.1.schema.json", R"(import json, sys
import jsonschema
report = json.load(open(sys.argv[2], encoding='utf-8'))
jsonschema.Draft7Validator(json.load(open(sys.argv[1]))).validate(report)
ids = [v['id'] for v in report['vulnerabilities']]
assert len(ids) == len(set(ids))
for v in report['vulnerabilities']:
    image = v['location']['image']
    assert ':' in image.rsplit('/', 1)[-1], image
)");
}

TEST(ReportSchema, CodeQualityEntries) {
  expect_valid(ReportFormat::codequality, schemas() / "gitlab-codeclimate-entry.schema.json", R"(import json, sys
import jsonschema
validator = jsonschema.Draft7Validator(json.load(open(sys.argv[1])))
entries = json.load(open(sys.argv[2], encoding='utf-8'))
for entry in entries:
    validator.validate(entry)
    assert not entry['location']['path'].startswith(('/', './')) and entry['location']['path']
    assert entry['location']['lines']['begin'] >= 1
    assert entry['severity'] in ('blocker', 'critical', 'major', 'minor', 'info')
prints = [e['fingerprint'] for e in entries]
assert len(prints) == len(set(prints)) and len(prints) <= 10000
)");
}

// The schema is Ant's: it demands a `type` and knows no `file`, the reverse of what GitLab reads well.
TEST(ReportSchema, Junit) {
  expect_valid(ReportFormat::junit, schemas() / "junit/JUnit.xsd", R"(import sys
from lxml import etree
schema = etree.XMLSchema(etree.parse(sys.argv[1]))
report = etree.parse(sys.argv[2], etree.XMLParser(huge_tree=True))
keys = set()
for suite in report.iter('testsuite'):
    for case in suite.iter('testcase'):
        key = (suite.get('name'), case.get('classname'), case.get('name'))
        assert key not in keys, key
        keys.add(key)
        del case.attrib['file']
        for child in case:
            assert 'type' not in child.attrib and child.text
            if child.tag != 'skipped': child.set('type', 'x')
schema.assertValid(report)
)");
}

}  // namespace
}  // namespace scangate
