#include "base/process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

namespace scangate {
namespace {

struct Ran {
  Result<Exit> exit = Exit{};
  std::string out, err;
};

Ran run(Command command, const Cancel& cancel = {}) {
  Ran result;
  if (command.environment.empty()) command.environment = {"PATH=/usr/bin:/bin"};
  SystemProcessRunner runner;
  result.exit = runner.run(command, cancel, [&](Stream stream, std::string_view text) {
    (stream == Stream::out ? result.out : result.err) += text;
  });
  return result;
}

TEST(Process, GivesOutputAndExitCode) {
  const Ran r = run({.argv = {"sh", "-c", "echo out; echo err >&2; exit 7"}});
  ASSERT_TRUE(r.exit);
  EXPECT_EQ(r.exit->code, 7);
  EXPECT_EQ(r.out, "out\n");
  EXPECT_EQ(r.err, "err\n");
}

TEST(Process, FeedsInputLargerThanAPipe) {
  const Ran r = run({.argv = {"wc", "-c"}, .input = std::string(1'000'000, 'x')});
  ASSERT_TRUE(r.exit);
  EXPECT_EQ(r.out, "1000000\n");
}

TEST(Process, InheritsNothingOfTheEnvironment) {
  const Ran r = run({.argv = {"env"}, .environment = {"PATH=/usr/bin", "A=b"}});
  EXPECT_EQ(r.out, "PATH=/usr/bin\nA=b\n");
}

TEST(Process, DeathByASignalIsToldAsShellsDo) {
  const Ran r = run({.argv = {"sh", "-c", "kill -9 $$"}});
  ASSERT_TRUE(r.exit);
  EXPECT_EQ(r.exit->signal, SIGKILL);
  EXPECT_EQ(r.exit->shell_code(), 137);
}

TEST(Process, AMissingProgramIsNamed) {
  EXPECT_EQ(run({.argv = {"no-such-program"}}).exit.error().text(), "program 'no-such-program' is not installed");
}

TEST(Process, CancelEndsTheWholeGroup) {
  const Cancel cancel;
  cancel.cancel();
  const Ran r = run({.argv = {"sh", "-c", "sleep 1000 & sleep 1000"}}, cancel);
  EXPECT_EQ(r.exit.error().text(), "stopped on request");
}

TEST(Process, TimeoutIsAnError) {
  const Ran r = run({.argv = {"sleep", "1000"}, .timeout = std::chrono::milliseconds(1)});
  EXPECT_EQ(r.exit.error().text(), "sleep did not finish within 0 s");
}

TEST(Process, ADaemonThatKeepsTheOutputOpenDoesNotHoldUsUp) {
  const Ran r = run({.argv = {"sh", "-c", "echo done; (sleep 5 &) "}});
  ASSERT_TRUE(r.exit);
  EXPECT_EQ(r.out, "done\n");
}

}  // namespace
}  // namespace scangate
