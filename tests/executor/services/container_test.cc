#include "executor/job/container.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

using Words = std::vector<std::string>;

TEST(Container, EntrypointAndCommandCombineAsInDocker) {
  const struct {
    std::optional<Words> image_entrypoint, image_command;
    Words entrypoint, command, expected;
  } cases[] = {
      {{{"/entry"}}, {{"serve"}}, {}, {}, {"/entry", "serve"}},
      {{{"/entry"}}, {{"serve"}}, {}, {"sh"}, {"/entry", "sh"}},
      // A given entrypoint makes the image's command meaningless.
      {{{"/entry"}}, {{"serve"}}, {"/mine", "-x"}, {}, {"/mine", "-x"}},
      {{{"/entry"}}, {{"serve"}}, {"/mine"}, {"sh"}, {"/mine", "sh"}},
      {{{"/entry"}}, {{"serve"}}, {""}, {"sh"}, {"sh"}},
      {{}, {{"serve"}}, {}, {}, {"serve"}},
      {{}, {}, {}, {}, {}},
  };
  for (const auto& one : cases) {
    ImageConfig config;
    config.entrypoint = one.image_entrypoint;
    config.command = one.image_command;
    EXPECT_EQ(container_argv(config, one.entrypoint, one.command), one.expected);
  }
}

TEST(Container, PortsAreTheTcpOnesInOrder) {
  EXPECT_EQ(tcp_ports({"8080/tcp", "53/udp", "80", "9000-9002/tcp", "80/tcp", "x/tcp", "0", "70000"}),
            (std::vector<std::uint16_t>{80, 8080, 9000, 9001, 9002}));
  EXPECT_EQ(tcp_ports({"1-65535"}).size(), 64U);
  EXPECT_TRUE(tcp_ports({"9-1"}).empty());
}

TEST(Container, AVariableReplacesTheOneOfItsName) {
  Words environment = {"A=1", "AB=2"};
  set_variable(environment, "A", "3");
  set_variable(environment, "C", "4");
  EXPECT_EQ(environment, (Words{"A=3", "AB=2", "C=4"}));
}

}  // namespace
}  // namespace scangate
