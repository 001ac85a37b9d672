#include "base/error.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(Error, TellsPlaceCauseRemedyAndFrames) {
  const Error error = Error(Fault::user, "unknown instruction 'COPPY'")
                          .at("Dockerfile:7:1")
                          .remedy("did you mean COPY?")
                          .during("building app:1");
  EXPECT_EQ(error.text(), "Dockerfile:7:1: unknown instruction 'COPPY' (did you mean COPY?)\n  while building app:1");
}

Result<int> twice(Result<int> in) {
  SCANGATE_TRY(const int value, std::move(in));
  return 2 * value;
}

TEST(Error, TryPassesValuesOnAndStopsAtErrors) {
  EXPECT_EQ(*twice(21), 42);
  EXPECT_EQ(twice(fail(Fault::host, "no")).error().text(), "no");
}

TEST(Error, HostErrorHasTheSystemsText) {
  EXPECT_EQ(host_error("cannot open x", 2).text(), "cannot open x: No such file or directory");
}

}  // namespace
}  // namespace scangate
