#pragma once
// A job's services: containers beside its script, in the same network, so that each is reached at 127.0.0.1 and by its
// names. GitLab documentation, ci/services; the Kubernetes executor shares its network in the same way.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "executor/job/container.h"
#include "pipeline/sandbox/network.h"

namespace scangate {

struct ServiceOrder {
  std::string name;  // as in the YAML: "postgres:15"
  ContainerImage image;
  std::vector<std::string> aliases;
  std::vector<std::string> command;      // empty: the image's own
  std::vector<std::string> environment;  // over the image's own
};

// Of a service's output only this much is kept, the end of it: the runner cuts its own at a similar length.
inline constexpr std::size_t kMaxServiceLogBytes = 64U << 10U;

// Running services; they end with the object, at once and without being asked. One thread uses it.
class Services {
 public:
  // Starts them all. `network` and `engine` outlive the object. A service whose program cannot be started is told by
  // wait(). Errors: the host's, and those of an image that cannot be run.
  static Result<Services> start(Engine& engine, const std::vector<ServiceOrder>& orders, const JobNetwork& network,
                                const NameFiles& names, const Cancel& cancel, Progress& progress);
  Services(Services&&) noexcept;
  Services& operator=(Services&&) noexcept;
  ~Services();

  // Until each takes connections at one of the ports its image exposes (HEALTHCHECK_TCP_PORT in its environment names
  // another), at most `limit` for all of them. One that does not, or that ended, is warned of with its log, in the
  // words of GitLab Runner's docker executor; the job goes on. A limit of 0 does not wait.
  void wait(std::chrono::seconds limit, const Cancel& cancel, Progress& progress);

 private:
  class Service;
  Services();
  const JobNetwork* network_ = nullptr;
  std::vector<std::unique_ptr<Service>> services_;
};

}  // namespace scangate
