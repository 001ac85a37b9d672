#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scan/inventory/layer_builder.h"

namespace scangate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kInstalled =
    "C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\n"
    "P:musl\nV:1.2.4-r2\nA:x86_64\nS:390345\nI:622592\nT:the musl c library (libc) implementation\n"
    "U:https://musl.libc.org/\nL:MIT\no:musl\nm:Timo <t@example.org>\nt:1697558399\nc:c5ffaf36\n"
    "p:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\nZ:Q1abc=\n"
    "\n"
    "P:libcrypto3\nV:3.1.4-r5\nA:x86_64\nL:Apache-2.0\no:openssl\nF:lib\nR:libcrypto.so.3\n"
    "\n"
    "P:py3-requests\nV:2.31.0-r1\nA:noarch\nL:Apache-2.0\no:py3-requests\n"
    "F:usr\nF:usr/lib/python3.11/site-packages/requests-2.31.0.dist-info\nR:METADATA\nR:RECORD\n"
    "\n";

TEST(ApkInstalled, GivesOriginAndLicence) {
  LayerBuilder layer;
  layer.file("etc/os-release", kAlpineRelease).file("lib/apk/db/installed", kInstalled);
  const Inventory found = merged(layer);
  EXPECT_THAT(lines_of(found), ElementsAre("apk/libcrypto3 3.1.4-r5 x86_64 <openssl 3.1.4-r5> @0",
                                           "apk/musl 1.2.4-r2 x86_64 @0", "apk/py3-requests 2.31.0-r1 noarch @0"));
  EXPECT_THAT(problems_of(found), IsEmpty());
  EXPECT_EQ(found.packages[0].name_space, "alpine");
  EXPECT_THAT(found.packages[0].licences, ElementsAre("Apache-2.0"));
  EXPECT_THAT(found.packages[0].paths, ElementsAre("lib/apk/db/installed"));
}

TEST(ApkInstalled, IsFoundBelowUsr) {
  LayerBuilder layer;
  layer.file("etc/os-release", "ID=wolfi\nVERSION_ID=20230201\n").file("usr/lib/apk/db/installed", kInstalled);
  const Inventory found = merged(layer);
  ASSERT_EQ(found.packages.size(), 3U);
  EXPECT_EQ(found.packages[0].name_space, "wolfi");
}

TEST(ApkInstalled, IsFoundThroughASymlinkedLibAndCountedOnce) {
  LayerBuilder layer;
  layer.link("lib", "usr/lib").file("etc/os-release", kAlpineRelease).file("usr/lib/apk/db/installed", kInstalled);
  EXPECT_EQ(merged(layer).packages.size(), 3U);
}

TEST(ApkInstalled, IsFoundWhereAnUpperLayerWroteThroughTheSymlink) {
  LayerBuilder base;
  base.link("lib", "usr/lib").file("etc/os-release", kAlpineRelease).file("usr/lib/apk/db/installed", kInstalled);
  LayerBuilder upper;
  upper.file("lib/apk/db/installed", "P:added\nV:1-r0\nA:noarch\n\n");
  const Inventory found = merged(base, upper);
  EXPECT_THAT(lines_of(found),
              ElementsAre("apk/added 1-r0 noarch @1", "apk/libcrypto3 3.1.4-r5 x86_64 <openssl 3.1.4-r5> @0",
                          "apk/musl 1.2.4-r2 x86_64 @0", "apk/py3-requests 2.31.0-r1 noarch @0"));
}

TEST(ApkInstalled, OwnsItsPythonPackages) {
  LayerBuilder layer;
  layer.file("etc/os-release", kAlpineRelease)
      .file("lib/apk/db/installed", kInstalled)
      .file("usr/lib/python3.11/site-packages/requests-2.31.0.dist-info/METADATA", "Name: requests\nVersion: 2.31.0\n")
      .file("usr/lib/python3.11/site-packages/idna-3.4.dist-info/METADATA", "Name: idna\nVersion: 3.4\n");
  EXPECT_THAT(lines_of(merged(layer)),
              testing::IsSupersetOf({"pypi/requests 2.31.0 @0 owned by py3-requests", "pypi/idna 3.4 @0"}));
}

TEST(ApkInstalled, DamageIsToldAndTheRestKept) {
  LayerBuilder layer;
  layer.file("etc/os-release", kAlpineRelease)
      .file("lib/apk/db/installed", "P:a\nV:1-r0\n\nP:b\nA:noarch\n\nP:c\nV:2-");
  const Inventory found = merged(layer);
  EXPECT_THAT(lines_of(found), ElementsAre("apk/a 1-r0 @0", "apk/c 2- @0"));
  EXPECT_THAT(problems_of(found),
              ElementsAre("!lib/apk/db/installed@0: damaged package database: line 4 begins a record "
                          "without name (P) or version (V)"));
}

TEST(ApkInstalled, LineWithoutAFieldIsDamage) {
  LayerBuilder layer;
  layer.file("etc/os-release", kAlpineRelease).file("lib/apk/db/installed", "P:a\nV:1-r0\nrubbish\n");
  EXPECT_THAT(problems_of(merged(layer)),
              ElementsAre("!lib/apk/db/installed@0: damaged package database: line 3 is no field"));
}

}  // namespace
}  // namespace scangate
