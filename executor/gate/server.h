#pragma once
// The gate's socket: takes requests of shims, hands each to a service on a thread of its own, answers with its exit code.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"

namespace scangate {

// One command of the job, as it arrived. Everything in it is the job's and hostile.
struct GateRequest {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::string directory;  // in the sandbox
  UniqueFd input, output, error;
  UniqueFd root;          // the sandbox's "/"; resolve paths with open_in_root
};

// Most requests at the same time; one more waits for its turn in the listen queue. A job that runs more builds at once gains nothing on one host.
inline constexpr int kMaxGateRequests = 64;
// A shim sends its request at once; one that does not within this time is dropped.
inline constexpr int kGateRequestTimeoutMs = 10'000;

class GateServer {
 public:
  // Runs on several threads at once. The exit code is sent to the shim. `cancel` is set when the shim goes away or the server stops.
  using Service = std::function<int(GateRequest& request, const Cancel& cancel)>;

  // Listens at `socket` (created, mode 0666: any user of the sandbox may talk to it). Errors: Fault::host.
  static Result<std::unique_ptr<GateServer>> start(const std::filesystem::path& socket, Service service);
  // Cancels what runs, waits for it, removes the socket.
  ~GateServer();
  GateServer(const GateServer&) = delete;
  GateServer& operator=(const GateServer&) = delete;

 private:
  struct State;
  explicit GateServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace scangate
