// run_in_sandbox RUNTIME STATE_FOLDER ROOT PROGRAM [ARGUMENT…]: enters the host namespaces as main does and runs the
// program with the host's /usr in ROOT. For the tests that need a process of their own: a plain user, a killed caller.
#include <cstdio>
#include <string>

#include "pipeline/sandbox/namespaces.h"
#include "pipeline/sandbox/sandbox.h"

using namespace scangate;

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const auto privilege = enter_host_namespaces();
  if (!privilege) {
    std::fprintf(stderr, "%s\n", privilege.error().text().c_str());
    return 5;
  }
  SystemProcessRunner runner;
  const auto sandbox = probe_sandbox({.runtime = argv[1], .state_folder = argv[2]}, runner);
  if (!sandbox) {
    std::fprintf(stderr, "%s\n", sandbox.error().text().c_str());
    return 5;
  }
  SandboxSpec spec;
  spec.root = argv[3];
  spec.argv.assign(argv + 4, argv + argc);
  spec.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                      "PRIVILEGE=" + std::string(privilege_name(*privilege))};
  spec.mounts = {{.source = "/usr", .target = "/usr"}};
  spec.stdout_fd = 1;
  spec.stderr_fd = 2;
  const auto exit = (*sandbox)->run(spec, Cancel(), {});
  if (!exit) {
    std::fprintf(stderr, "%s\n", exit.error().text().c_str());
    return 5;
  }
  return exit->shell_code();
}
