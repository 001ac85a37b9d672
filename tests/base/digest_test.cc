#include "base/digest.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(Digest, MatchesThePublishedVectorOfTheEmptyInput) {  // FIPS 180-4 example values
  EXPECT_EQ(Digest::of("").str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Digest::of("abc").str(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, PiecesGiveTheDigestOfTheWhole) {
  Sha256 hash;
  hash.update("a");
  hash.update("bc");
  EXPECT_EQ(hash.finish(), Digest::of("abc"));
  EXPECT_EQ(hash.finish(), Digest::of(""));
}

TEST(Digest, RoundTripsThroughText) {
  const Digest digest = Digest::of("x");
  EXPECT_EQ(*Digest::parse(digest.str()), digest);
}

TEST(Digest, RefusesOtherFormsByName) {
  const std::string hex(64, 'a');
  for (const std::string text : {"", "md5:00", "sha256:", "sha256:zz"})
    EXPECT_FALSE(Digest::parse(text)) << text;
  EXPECT_FALSE(Digest::parse("sha256:" + std::string(64, 'A')));
  EXPECT_FALSE(Digest::parse("sha256:" + hex + "a"));
  EXPECT_EQ(Digest::parse("sha512:x").error().text(), "'sha512:x' is not a digest: it must begin with 'sha256:'");
}

}  // namespace
}  // namespace scangate
