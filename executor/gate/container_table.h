#pragma once
// The containers of a job, as its commands name them: started by `docker run`, gone with the script.
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "executor/gate/bound_path.h"
#include "executor/gate/container_names.h"
#include "executor/gate/port_relay.h"
#include "executor/job/running_container.h"
#include "pipeline/command/docker_run.h"
#include "pipeline/image/model.h"

namespace scangate {

// Each holds a mounted root, a log and a thread. A job that tests what it built starts a handful.
inline constexpr std::size_t kMaxJobContainers = 64;
// The end of what each of them says: 128 MB in all at worst.
inline constexpr std::size_t kMaxJobContainerLogBytes = 2U << 20U;
inline constexpr std::size_t kMaxJobNetworks = 100;
// Programs started beside a container's own that nobody waits for; each is a thread of ours.
inline constexpr std::size_t kMaxDetachedPrograms = 64;

struct ContainerMount {
  std::string source;  // as the job called it: a path, or a volume's name; empty for one in memory
  std::string target;
  bool read_only = false;
  bool named_volume = false;
};

// What a container was made of; does not change.
struct ContainerFacts {
  std::string id;     // 64 hexadecimal digits
  std::string image;  // as the job wrote it
  Digest image_id;
  TimePoint created;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<command::PublishedPort> ports;  // each with its host port
  std::vector<ContainerMount> mounts;
  std::string network;
  std::optional<Healthcheck> health;
  int stop_signal = 15;
  bool remove_at_end = false;
  bool named_by_user = false;
};

enum class ContainerHealth { none, starting, healthy, unhealthy };

// Thread-safe.
class JobContainer {
 public:
  // What a container has besides its root, until it is removed.
  struct Belongings {
    TempDir folder;                // of its own, for its hosts file
    std::filesystem::path hosts;   // empty: the job's
    std::vector<BoundPath> bound;  // folders of the job in it
  };
  JobContainer(ContainerFacts facts, std::string name, Belongings belongings, Sandbox& sandbox, Container container);

  ~JobContainer();
  JobContainer(const JobContainer&) = delete;
  JobContainer& operator=(const JobContainer&) = delete;

  const ContainerFacts& facts() const { return facts_; }
  std::string name() const;
  void rename(std::string name);
  const std::filesystem::path& hosts() const { return belongings_.hosts; }
  RunningContainer& running() { return running_; }
  const RunningContainer& running() const { return running_; }

  // Publishes its ports and runs. Errors: Fault::user when it runs already, or when a port is taken.
  Result<void> start(const JobNetwork* network, RunningContainer::Streams streams);
  void unpublish();
  // Asks it to end, waits, and kills what did not.
  void stop(std::optional<int> signal, std::chrono::milliseconds patience, const Cancel& cancel);
  // `docker exec -d`: nobody hears how it ends. Errors: Fault::user when there are too many.
  Result<void> run_beside(SandboxSpec spec);
  // Runs its health check now: one more try counts each time.
  ContainerHealth check_health(const Cancel& cancel);

 private:
  ContainerFacts facts_;
  Belongings belongings_;
  mutable std::mutex mutex_;  // of what follows up to `running_`
  std::string name_;
  std::vector<std::unique_ptr<PortRelay>> relays_;
  int failed_checks_ = 0;
  std::vector<std::thread> beside_;
  Cancel over_;
  RunningContainer running_;
};

// Thread-safe. Its end is that of every container.
class JobContainers {
 public:
  // `hosts`: the job's own file, empty when it has none. `state_folder` is the job's: volumes last from one of its
  // scripts to the next.
  JobContainers(const std::filesystem::path& hosts, std::filesystem::path state_folder)
      : names_(hosts), volumes_(std::move(state_folder) / "volumes") {}
  ~JobContainers();
  JobContainers(const JobContainers&) = delete;
  JobContainers& operator=(const JobContainers&) = delete;

  using Ptr = std::shared_ptr<JobContainer>;
  // A name that is free, and room for one more; the oldest that ended and has no name of the user's makes it. Errors:
  // Fault::user.
  Result<std::string> choose_name(const std::string& asked);
  Result<void> add(Ptr container);
  // By name, id, or the beginning of an id. Errors: Fault::user, "No such container: x".
  Result<Ptr> find(const std::string& text);
  std::vector<Ptr> all();  // in the order of their making
  // Ends it when it runs.
  void remove(const Ptr& container);
  Result<void> rename(const Ptr& container, const std::string& name);
  ContainerNames& names() { return names_; }

  // The folder of a volume, made when it is not there; the second is true when it is empty.
  Result<std::pair<std::filesystem::path, bool>> volume(const std::string& name);
  bool has_volume(const std::string& name) const;
  std::vector<std::string> volumes() const;
  Result<void> remove_volume(const std::string& name);

  Result<void> add_network(const std::string& name);
  bool has_network(const std::string& name);
  std::vector<std::string> networks();
  bool remove_network(const std::string& name);

  // 64 hexadecimal digits.
  static Result<std::string> make_id();

 private:
  Ptr find_by_name(const std::string& name) const;
  void sweep();

  ContainerNames names_;
  std::filesystem::path volumes_;
  mutable std::mutex mutex_;  // of what follows
  std::vector<Ptr> containers_;
  std::set<std::string> networks_;
};

}  // namespace scangate
