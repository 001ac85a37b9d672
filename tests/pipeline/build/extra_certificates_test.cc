#include "pipeline/build/extra_certificates.h"

#include <gtest/gtest.h>

namespace scangate::build {
namespace {

std::string block(std::string_view body) {
  return "-----BEGIN CERTIFICATE-----\n" + std::string(body) + "\n-----END CERTIFICATE-----\n";
}

TEST(MissingCertificates, AreThoseOfTheHostThatTheImageLacks) {
  EXPECT_EQ(missing_certificates(block("AAAA") + block("BBBB"), "# a comment\n" + block("BBBB") + block("CCCC")),
            "\n" + block("CCCC"));
}

TEST(MissingCertificates, LineLengthsAndLineEndsDoNotMatter) {
  EXPECT_EQ(missing_certificates(block("AAAABBBB"), block("AAAA\nBBBB") + block("AAAA\r\nBBBB")), "");
}

TEST(MissingCertificates, TextThatIsNoCertificateIsLeftOut) {
  EXPECT_EQ(missing_certificates("", "no certificate\n-----BEGIN CERTIFICATE-----\nAAAA without an end"), "");
  EXPECT_EQ(missing_certificates("garbage", block("AAAA")), "\n" + block("AAAA"));
}

}  // namespace
}  // namespace scangate::build
