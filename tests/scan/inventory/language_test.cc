#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "scan/inventory/language_names.h"
#include "tests/scan/inventory/layer_builder.h"

namespace scangate {
using namespace inventory;
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Inventory scan_file(std::string path, std::string_view text) {
  LayerBuilder layer;
  layer.file(std::move(path), text);
  return merged(layer);
}

TEST(PythonMetadata, GivesNormalisedNameVersionAndLicence) {
  const Inventory found = scan_file("usr/local/lib/python3.11/site-packages/ruamel.yaml-0.18.5.dist-info/METADATA",
                                    "Metadata-Version: 2.1\r\nname: Ruamel_.Yaml\r\nVersion: 0.18.5\r\nLicense: MIT\r\n"
                                    "\r\nName: not this\r\nVersion: 9\r\n");
  EXPECT_THAT(lines_of(found), ElementsAre("pypi/ruamel-yaml 0.18.5 @0"));
  EXPECT_THAT(found.packages[0].licences, ElementsAre("MIT"));
  EXPECT_THAT(found.packages[0].paths,
              ElementsAre("usr/local/lib/python3.11/site-packages/ruamel.yaml-0.18.5.dist-info/METADATA"));
  EXPECT_THAT(problems_of(found), IsEmpty());
}

TEST(PythonMetadata, LicenceComesFromTheBestField) {
  const std::string path = "site-packages/x-1.dist-info/METADATA";
  const std::string head = "Name: x\nVersion: 1\n";
  const std::string classifier = "Classifier: License :: OSI Approved :: BSD License\n";
  EXPECT_THAT(scan_file(path, head + "License: long\n" + classifier + "License-Expression: BSD-3-Clause\n")
                  .packages[0]
                  .licences,
              ElementsAre("BSD-3-Clause"));
  EXPECT_THAT(scan_file(path, head + "License: UNKNOWN\n" + classifier).packages[0].licences,
              ElementsAre("BSD License"));
  EXPECT_THAT(scan_file(path, head + "License: " + std::string(300, 'x') + "\n" + classifier).packages[0].licences,
              ElementsAre("BSD License"));
}

TEST(PythonMetadata, IsReadFromEveryPlaceThatShowsAnInstalledDistribution) {
  const std::string text = "Metadata-Version: 1.2\nName: demo\nVersion: 1.0\n";
  for (const char* path :
       {"usr/lib/python3/dist-packages/demo-1.0.egg-info", "usr/lib/python3/dist-packages/demo-1.0.egg-info/PKG-INFO",
        "opt/venv/lib/python3.12/site-packages/demo-1.0.dist-info/METADATA", "var/task/demo-1.0.dist-info/METADATA",
        "usr/lib/python3/site-packages/demo-1.0-py3.egg/EGG-INFO/PKG-INFO"})
    EXPECT_THAT(lines_of(scan_file(path, text)), ElementsAre("pypi/demo 1.0 @0")) << path;
  for (const char* path :
       {"src/demo/PKG-INFO", "src/demo/METADATA", "METADATA", "demo.dist-info/RECORD", "demo-1.0.dist-info"})
    EXPECT_THAT(lines_of(scan_file(path, text)), IsEmpty()) << path;
}

TEST(PythonMetadata, NameOfTheFolderHelpsOut) {
  EXPECT_THAT(lines_of(scan_file("site-packages/Demo_Pack-1.0.dist-info/METADATA", "")),
              ElementsAre("pypi/demo-pack 1.0 @0"));
  EXPECT_THAT(lines_of(scan_file("dist-packages/demo-1.0-py3.11.egg-info", "Name: demo\n")),
              ElementsAre("pypi/demo 1.0 @0"));
  EXPECT_THAT(problems_of(scan_file("site-packages/demo.dist-info/METADATA", "Name: demo\n")),
              ElementsAre("!site-packages/demo.dist-info/METADATA@0: Python metadata without name or version"));
}

TEST(PythonMetadata, LongDescriptionOverTheCapIsNoProblem) {
  const std::string text = "Name: demo\nVersion: 1.0\n\n" + std::string(2U << 20U, 'x');
  const Inventory found = scan_file("site-packages/demo-1.0.dist-info/METADATA", text);
  EXPECT_THAT(lines_of(found), ElementsAre("pypi/demo 1.0 @0"));
  EXPECT_THAT(problems_of(found), IsEmpty());
}

TEST(PythonMetadata, HeadersOverTheCapAreIncomplete) {
  const std::string text = "Requires-Dist: " + std::string(1U << 20U, 'x') + "\nName: demo\nVersion: 1.0\n\n";
  EXPECT_THAT(problems_of(scan_file("site-packages/demo-1.0.dist-info/METADATA", text)),
              ElementsAre("!site-packages/demo-1.0.dist-info/METADATA@0: larger than 1.0 MB, not read in full"));
}

TEST(PythonNames, FollowPep503) {
  EXPECT_EQ(normalised_python_name("Friendly--Bard"), "friendly-bard");
  EXPECT_EQ(normalised_python_name("FRIENDLY-._.BARD"), "friendly-bard");
  EXPECT_EQ(normalised_python_name(" zope.interface "), "zope-interface");
}

// The oracle is Python's own importlib.metadata, on the machine the test runs on.
TEST(PythonMetadata, OfThisMachineIsWhatPythonTells) {
  SystemProcessRunner runner;
  std::string output;
  const Command command{.argv = {"python3", "-I", "-c",
                                 "import importlib.metadata as m,re\n"
                                 "for d in m.distributions():\n"
                                 "  p=str(d._path)\n"
                                 "  n=re.sub(r'[-_.]+','-',d.metadata['Name']).lower()\n"
                                 "  print(p,n,d.version,sep='\\t')\n"},
                        .environment = current_environment()};
  const auto exit = runner.run(command, Cancel(), [&output](Stream stream, std::string_view text) {
    if (stream == Stream::out) output += text;
  });
  if (!exit || exit->code != 0) GTEST_SKIP() << "python3 cannot be run";
  std::vector<std::string> expected;
  LayerBuilder layer;
  for (const std::string& line : split(output, '\n')) {
    const auto fields = split(line, '\t');
    if (fields.size() != 3) continue;
    std::filesystem::path path = fields[0];
    if (std::filesystem::is_directory(path)) path /= path.extension() == ".dist-info" ? "METADATA" : "PKG-INFO";
    if (!std::filesystem::is_regular_file(path)) continue;
    layer.file(path.string().substr(1), read_file(path, 64U << 20U).value());
    expected.push_back(fields[1] + " " + fields[2] + " " + path.string().substr(1));
  }
  if (expected.empty()) GTEST_SKIP() << "no Python packages on this machine";
  std::vector<std::string> actual;
  const Inventory found = merged(layer);
  for (const Package& package : found.packages)
    for (const std::string& path : package.paths)
      actual.push_back(package.name + " " + package.version + " " + path);
  std::ranges::sort(expected);
  std::ranges::sort(actual);
  EXPECT_EQ(actual, expected);
  EXPECT_THAT(problems_of(found), IsEmpty());
}

TEST(NpmPackage, GivesScopeNameVersionAndLicence) {
  const Inventory found =
      scan_file("app/node_modules/@babel/core/package.json",
                R"({"name":"@babel/core","version":"7.1.0","license":"MIT","dependencies":{"x":"^1"}})");
  EXPECT_THAT(lines_of(found), ElementsAre("npm/@babel/core 7.1.0 @0"));
  EXPECT_EQ(found.packages[0].name, "core");
  EXPECT_EQ(found.packages[0].name_space, "@babel");
  EXPECT_THAT(found.packages[0].licences, ElementsAre("MIT"));
}

TEST(NpmPackage, OldLicenceForms) {
  const std::string path = "node_modules/x/package.json";
  EXPECT_THAT(scan_file(path, R"({"name":"x","version":"1","license":{"type":"BSD"}})").packages[0].licences,
              ElementsAre("BSD"));
  EXPECT_THAT(
      scan_file(path, R"({"name":"x","version":"1","licenses":[{"type":"MIT"},{"type":"GPL"}]})").packages[0].licences,
      ElementsAre("MIT", "GPL"));
}

TEST(NpmPackage, OnlyDirectlyBelowNodeModules) {
  const std::string text = R"({"name":"lodash","version":"4.17.20"})";
  for (const char* path : {"node_modules/lodash/package.json", "a/node_modules/b/node_modules/lodash/package.json",
                           "node_modules/.pnpm/lodash@4.17.20/node_modules/lodash/package.json",
                           "usr/share/nodejs/node_modules/@types/lodash/package.json"})
    EXPECT_THAT(lines_of(scan_file(path, text)), ElementsAre("npm/lodash 4.17.20 @0")) << path;
  for (const char* path :
       {"package.json", "app/package.json", "node_modules/lodash/test/package.json", "node_modules/package.json",
        "node_modules/.cache/package.json", "node_modules/@scope/package.json", "my_node_modules/lodash/package.json",
        "node_modules/@a/b/c/package.json"})
    EXPECT_THAT(lines_of(scan_file(path, text)), IsEmpty()) << path;
}

TEST(NpmPackage, WithoutNameOrVersionIsSkipped) {
  for (const char* text : {R"({"name":"x"})", R"({"version":"1.0.0"})", R"({"name":"","version":"1"})",
                           R"({"name":"@x","version":"1"})", R"({"name":7,"version":1})", "[]", "\"x\"", "{}"}) {
    const Inventory found = scan_file("node_modules/x/package.json", text);
    EXPECT_THAT(lines_of(found), IsEmpty()) << text;
    EXPECT_THAT(problems_of(found), IsEmpty()) << text;
  }
}

TEST(NpmPackage, WhatNodeReadsIsRead) {
  EXPECT_THAT(lines_of(scan_file("node_modules/x/package.json", "\xEF\xBB\xBF{\"name\":\"x\",\"version\":\"1.0.0\"}")),
              ElementsAre("npm/x 1.0.0 @0"));
  EXPECT_THAT(lines_of(scan_file("node_modules/x/package.json",
                                 "{\"name\":\"x\",\"version\":\"1.0.0\",\"author\":\"Ren\xE9\"}")),
              ElementsAre("npm/x 1.0.0 @0"));
}

TEST(NpmPackage, BrokenJsonIsIncomplete) {
  EXPECT_THAT(problems_of(scan_file("node_modules/x/package.json", "{\"name\":")),
              ElementsAre(testing::StartsWith("!node_modules/x/package.json@0: not valid JSON: ")));
  const std::string deep =
      "{\"name\":\"x\",\"version\":\"1\",\"y\":" + std::string(500, '[') + std::string(500, ']') + "}";
  EXPECT_THAT(problems_of(scan_file("node_modules/x/package.json", deep)),
              ElementsAre("!node_modules/x/package.json@0: JSON is nested deeper than 200 levels"));
}

TEST(NpmPackage, OverTheCapIsIncomplete) {
  const std::string text = "{\"name\":\"x\",\"version\":\"1\",\"y\":\"" + std::string(4U << 20U, 'x') + "\"}";
  EXPECT_THAT(problems_of(scan_file("node_modules/x/package.json", text)),
              ElementsAre("!node_modules/x/package.json@0: larger than 4.2 MB, not read in full"));
}

TEST(LanguagePackages, OfOneVersionAreOneWithAllPaths) {
  const std::string text = R"({"name":"lodash","version":"4.17.20"})";
  LayerBuilder layer;
  layer.file("b/node_modules/lodash/package.json", text)
      .file("a/node_modules/lodash/package.json", text)
      .file("c/node_modules/lodash/package.json", R"({"name":"lodash","version":"4.17.21"})");
  const Inventory found = merged(layer);
  EXPECT_THAT(lines_of(found), ElementsAre("npm/lodash 4.17.20 @0", "npm/lodash 4.17.21 @0"));
  EXPECT_THAT(found.packages[0].paths,
              ElementsAre("a/node_modules/lodash/package.json", "b/node_modules/lodash/package.json"));
}

TEST(LanguagePackages, HardLinksShareTheContent) {
  LayerBuilder layer;
  layer.file("a/node_modules/x/package.json", R"({"name":"x","version":"1.0.0"})")
      .hard_link("b/node_modules/x/package.json", "a/node_modules/x/package.json")
      .hard_link("c/node_modules/x/package.json", "store/0123");
  const Inventory found = merged(layer);
  EXPECT_THAT(found.packages.at(0).paths,
              ElementsAre("a/node_modules/x/package.json", "b/node_modules/x/package.json"));
  EXPECT_THAT(problems_of(found),
              ElementsAre("!c/node_modules/x/package.json@0: is a hard link to store/0123, whose content "
                          "was not read"));
}

TEST(LanguagePackages, HardLinksIntoThePnpmStoreAreRead) {
  const std::string package = "root/.pnpm-store/v3/files/0a/" + std::string(126, 'b');
  const std::string script = "root/.pnpm-store/v3/files/0b/" + std::string(126, 'b') + "-exec";
  LayerBuilder layer;
  layer.file(package, R"({"name":"x","version":"1.0.0"})")
      .file(script, "#!/usr/bin/env node")
      .hard_link("usr/app/node_modules/.pnpm/x@1.0.0/node_modules/x/package.json", package)
      .hard_link("usr/app/node_modules/.pnpm/x@1.0.0/node_modules/x/x.js", script);
  const Inventory found = merged(layer);
  EXPECT_THAT(lines_of(found), ElementsAre("npm/x 1.0.0 @0"));
  EXPECT_THAT(found.packages.at(0).paths,
              ElementsAre("usr/app/node_modules/.pnpm/x@1.0.0/node_modules/x/package.json"));
  EXPECT_THAT(problems_of(found), IsEmpty());
}

TEST(LockFiles, AreOffByDefault) {
  EXPECT_THAT(lines_of(scan_file("app/package-lock.json", R"({"packages":{"node_modules/x":{"version":"1.0.0"}}})")),
              IsEmpty());
}

TEST(LockFiles, AreReadOnDemand) {
  LayerBuilder layer({.lock_files = true});
  layer
      .file("app/package-lock.json",
            R"({"name":"app","lockfileVersion":3,"packages":{"":{"name":"app","version":"1.0.0"},)"
            R"("node_modules/@a/b":{"version":"2.0.0"},"node_modules/alias":{"name":"real","version":"3.0.0"},)"
            R"("node_modules/p/node_modules/q":{"version":"4.0.0"},"packages/w":{"version":"5.0.0"}}})")
      .file(
          "old/package-lock.json",
          R"({"lockfileVersion":1,"dependencies":{"r":{"version":"6.0.0","dependencies":{"s":{"version":"7.0.0"}}}}})")
      .file("py/poetry.lock",
            "[[package]]\nname = \"Jinja2\"\nversion = \"3.1.2\"\n\n[package.dependencies]\nname = \"no\"\nversion = "
            "\"9\"\n\n"
            "[[package]]\nname = \"flask\"\nversion = \"2.2.2\"\n\n[metadata]\nversion = \"1\"\n");
  EXPECT_THAT(lines_of(merged(layer)),
              ElementsAre("npm/@a/b 2.0.0 @0", "npm/q 4.0.0 @0", "npm/r 6.0.0 @0", "npm/real 3.0.0 @0",
                          "npm/s 7.0.0 @0", "pypi/flask 2.2.2 @0", "pypi/jinja2 3.1.2 @0"));
}

}  // namespace
}  // namespace scangate
