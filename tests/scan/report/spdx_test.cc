#include "scan/report/spdx.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "scan/report/spdx_licence.h"
#include "tests/scan/report/sample_result.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;

std::string document_of(const ScanResult& result) {
  return spdx_document({{result.image, result.inventory}}, *parse_time("2026-11-22T10:00:00Z"), "1.2");
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Spdx, NamesImageSystemAndPackages) {
  ScanResult result = sample_result();
  result.image.manifest_digest = Digest::of("manifest");
  result.inventory.packages[0].licences = {"MIT"};
  result.inventory.packages[0].source_name = "bash-source";
  result.inventory.packages[0].source_version = "5";
  result.inventory.packages[0].paths = {"usr/bin/bash"};
  const std::string text = document_of(result);
  for (const std::string part :
       {R"("creators":["Tool: scangate-1.2"])", R"("created":"2026-11-22T10:00:00Z")",
        R"("referenceLocator":"pkg:deb/debian/bash@5.2.15-2%2Bb2?distro=debian-12")",
        R"("referenceLocator":"pkg:pypi/flask@2.0.1")", R"("primaryPackagePurpose":"OPERATING_SYSTEM")",
        R"("licenseDeclared":"MIT")", R"("sourceInfo":"built from bash-source 5; found in usr/bin/bash; layer )",
        R"( of the base image debian:bookworm")", R"("relationshipType":"DESCRIBES")"})
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
  EXPECT_TRUE(has(text, "\"checksumValue\":\"" + Digest::of("manifest").hex() + "\""));
}

TEST(Spdx, TheSameInputGivesTheSameText) {
  EXPECT_EQ(document_of(sample_result()), document_of(sample_result()));
}

TEST(Spdx, AnotherImageGivesAnotherNamespace) {
  ScanResult other = sample_result();
  other.inventory.packages.pop_back();
  const auto name_space = [](const std::string& text) {
    const std::size_t at = text.find("documentNamespace");
    return text.substr(at, text.find(',', at) - at);
  };
  EXPECT_NE(name_space(document_of(sample_result())), name_space(document_of(other)));
}

TEST(Spdx, SaysWhatCouldNotBeRead) {
  ScanResult result = sample_result();
  EXPECT_FALSE(has(document_of(result), "\"comment\""));
  result.inventory.problems = {{"var/lib/dpkg/status", 0, "it is cut off", true}, {"a", 0, "a hint", false}};
  EXPECT_TRUE(
      has(document_of(result),
          R"("comment":"Packages may be missing, since this could not be read: var/lib/dpkg/status: it is cut off")"));
}

struct LicenceCase {
  std::vector<std::string> stated;
  std::string expression;
};

TEST(Spdx, LicencesAreExpressions) {
  const LicenceCase cases[] = {
      {{}, "NOASSERTION"},
      {{""}, "NOASSERTION"},
      {{"MIT"}, "MIT"},
      {{"MIT", "MIT"}, "MIT"},
      {{"MIT", "ISC"}, "MIT AND ISC"},
      {{"Apache-2.0 OR MIT"}, "Apache-2.0 OR MIT"},
      {{"Apache-2.0 OR MIT", "ISC"}, "(Apache-2.0 OR MIT) AND ISC"},
      {{"MIT OR"}, "LicenseRef-MIT-OR-"},
      {{"BSD License"}, "LicenseRef-BSD-License-"},
      {{"(MIT)\n\"x\""}, "LicenseRef--MIT---x--"},
  };
  for (const auto& each : cases) {
    SpdxLicences licences;
    const std::string expression = licences.expression(each.stated);
    if (each.expression.starts_with("LicenseRef")) {
      EXPECT_TRUE(expression.starts_with(each.expression)) << expression;
      EXPECT_EQ(expression.size(), each.expression.size() + 8);  // of a digest
      EXPECT_EQ(licences.references().count(expression), 1U);
    } else {
      EXPECT_EQ(expression, each.expression);
      EXPECT_TRUE(licences.references().empty());
    }
  }
}

ScanResult odd_packages() {
  ScanResult result = sample_result();
  Package package = result.inventory.packages[0];
  package.licences = {"see COPYING", "MIT"};
  result.inventory.packages.push_back(package);
  result.inventory.packages.push_back(package);  // a record twice
  package.name = "";
  package.version = "";
  package.licences = {std::string("\x01\xff \"")};
  package.paths.assign(100, "a");
  result.inventory.packages.push_back(package);
  ScanResult hostile = hostile_result();
  for (auto& each : hostile.inventory.packages) {
    each.name = hostile.image.name;
    each.version = std::string(3'000'000, 'v');
  }
  result.inventory.packages.insert(result.inventory.packages.end(), hostile.inventory.packages.begin(),
                                   hostile.inventory.packages.end());
  result.inventory.problems = hostile.inventory.problems;
  result.image.name = hostile.image.name;
  return result;
}

TEST(Spdx, IsValidWhateverTheImageHolds) {
  const fs::path schema = fs::path(SCANGATE_SOURCE_DIR) / "../shared/schemas/spdx/spdx-2.3.schema.json";
  if (!fs::exists(schema)) GTEST_SKIP() << schema << " is not there";
  if (std::system("/usr/bin/python3 -c 'import jsonschema' > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "no python3 with jsonschema here";
  const auto folder = TempDir::make(fs::temp_directory_path(), "scangate-spdx-");
  ASSERT_TRUE(folder);
  ScanResult bare;
  const ScanResult sample = sample_result();
  const ScanResult odd = odd_packages();
  const std::string documents[] = {
      document_of(sample), document_of(odd), document_of(bare),
      spdx_document({{sample.image, sample.inventory}, {odd.image, odd.inventory}}, {}, "")};
  std::string files;
  for (const auto& text : documents) {
    const fs::path file = folder->path() / std::to_string(files.size());
    ASSERT_TRUE(write_file_atomic(file, as_bytes(text)));
    files += " " + file.string();
  }
  constexpr std::string_view kCheck = R"(import json, re, sys
import jsonschema
validator = jsonschema.validators.validator_for(json.load(open(sys.argv[1])))(json.load(open(sys.argv[1])))
for name in sys.argv[2:]:
    document = json.load(open(name, encoding='utf-8'))
    validator.validate(document)
    ids = [p['SPDXID'] for p in document['packages']] + ['SPDXRef-DOCUMENT']
    assert len(ids) == len(set(ids))
    for one in ids: assert re.fullmatch(r'SPDXRef-[a-zA-Z0-9.-]+', one), one
    for relation in document['relationships']:
        assert relation['spdxElementId'] in ids and relation['relatedSpdxElement'] in ids
    known = {e['licenseId'] for e in document.get('hasExtractedLicensingInfos', [])}
    for p in document['packages']:
        for word in p.get('licenseDeclared', '').replace('(', ' ').replace(')', ' ').split():
            assert not word.startswith('LicenseRef') or word in known, word
)";
  ASSERT_TRUE(write_file_atomic(folder->path() / "check.py", as_bytes(kCheck)));
  EXPECT_EQ(
      std::system(("/usr/bin/python3 " + (folder->path() / "check.py").string() + " '" + schema.string() + "'" + files)
                      .c_str()),
      0);
}

}  // namespace
}  // namespace scangate
