#include "pipeline/registry/url.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(Url, ResolvesAsRegistriesSend) {
  const Url base = *Url::parse("https://Reg.example:5000/v2/a/blobs/uploads/?x=1");
  const std::pair<const char*, const char*> cases[] = {
      {"https://other/x?y=z", "https://other/x?y=z"},
      {"//other/x", "https://other/x"},
      {"/v2/b?_state=a%3D", "https://reg.example:5000/v2/b?_state=a%3D"},
      {"?z=2", "https://reg.example:5000/v2/a/blobs/uploads/?z=2"},
      {"session", "https://reg.example:5000/v2/a/blobs/uploads/session"},
      {"/x?u=http://a/b", "https://reg.example:5000/x?u=http://a/b"},
      {"http://other", "http://other/"},
  };
  for (const auto& [reference, expected] : cases) {
    const auto got = base.resolve(reference);
    ASSERT_TRUE(got) << reference;
    EXPECT_EQ(got->str(), expected);
  }
}

TEST(Url, RefusesOtherThings) {
  for (const char* text : {"", "file:///etc/passwd", "https://", "https://user:pass@host/", "https://host/a b",
                           "https://host/\r\nX: y", "/path"})
    EXPECT_FALSE(Url::parse(text)) << text;
}

TEST(Url, KnowsLoopback) {
  for (const char* host : {"localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000", "LOCALHOST"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host :
       {"127.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil", "[::2]", "127.0.0"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

}  // namespace
}  // namespace scangate
