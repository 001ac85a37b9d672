#include "executor/gate/container_table.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/deadline.h"
#include "base/text.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

using Phase = ContainerState::Phase;

// Docker's defaults: image-spec v1.2, "Healthcheck".
constexpr auto kCheckTimeout = std::chrono::seconds(30);
constexpr int kCheckRetries = 3;
// The kernel ends killed processes in no time; a disk may hold one up.
constexpr auto kKillWait = std::chrono::seconds(10);

std::vector<std::string> check_argv(const Healthcheck& health) {
  if (health.test.empty() || health.test[0] == "NONE") return {};
  if (health.test[0] == "CMD-SHELL" && health.test.size() > 1) return {"/bin/sh", "-c", health.test[1]};
  if (health.test[0] == "CMD") return {health.test.begin() + 1, health.test.end()};
  return {};
}

}  // namespace

JobContainer::JobContainer(ContainerFacts facts, std::string name, Belongings belongings, Sandbox& sandbox,
                           Container container)
    : facts_(std::move(facts)),
      belongings_(std::move(belongings)),
      name_(std::move(name)),
      running_(sandbox, std::move(container), kMaxJobContainerLogBytes) {}

JobContainer::~JobContainer() {
  running_.kill();
  over_.cancel();
  for (auto& thread : beside_)
    thread.join();
}

Result<void> JobContainer::run_beside(SandboxSpec spec) {
  const std::lock_guard lock(mutex_);
  if (beside_.size() >= kMaxDetachedPrograms)
    return fail(Fault::user, fmt::format("more than {} programs were started in the container with 'exec -d'",
                                         kMaxDetachedPrograms));
  beside_.emplace_back(
      [this, spec = std::move(spec), over = over_] { static_cast<void>(running_.run_within(spec, over, {})); });
  return {};
}

std::string JobContainer::name() const {
  const std::lock_guard lock(mutex_);
  return name_;
}

void JobContainer::rename(std::string name) {
  const std::lock_guard lock(mutex_);
  name_ = std::move(name);
}

Result<void> JobContainer::start(const JobNetwork* network, RunningContainer::Streams streams) {
  {
    const std::lock_guard lock(mutex_);
    if (running_.state().phase == Phase::running) return {};
    relays_.clear();
    failed_checks_ = 0;
    for (const auto& port : facts_.ports) {
      if (port.udp || port.host == port.container) continue;
      SCANGATE_TRY(auto relay, PortRelay::start(network, port.host, port.container));
      relays_.push_back(std::move(relay));
    }
  }
  running_.start(std::move(streams));
  return {};
}

void JobContainer::unpublish() {
  const std::lock_guard lock(mutex_);
  relays_.clear();
}

void JobContainer::stop(std::optional<int> signal, std::chrono::milliseconds patience, const Cancel& cancel) {
  if (running_.state().phase == Phase::running) {
    running_.signal(signal.value_or(facts_.stop_signal));
    if (!running_.wait_end(cancel, patience)) {
      running_.kill();
      running_.wait_end(Cancel(), kKillWait);
    }
  }
  unpublish();
}

ContainerHealth JobContainer::check_health(const Cancel& cancel) {
  const std::vector<std::string> argv = facts_.health ? check_argv(*facts_.health) : std::vector<std::string>();
  if (argv.empty()) return ContainerHealth::none;
  const auto retries = facts_.health->retries > 0 ? facts_.health->retries : kCheckRetries;
  if (running_.state().phase != Phase::running) return ContainerHealth::unhealthy;
  SandboxSpec spec = running_.spec();
  spec.argv = argv;
  spec.handle = nullptr;
  const std::chrono::nanoseconds limit =
      facts_.health->timeout.count() > 0 ? facts_.health->timeout : std::chrono::nanoseconds(kCheckTimeout);
  const Deadline deadline(cancel, std::chrono::ceil<std::chrono::milliseconds>(limit));
  const auto exit = running_.run_within(spec, deadline.cancel(), {});
  const std::lock_guard lock(mutex_);
  if (exit && exit->shell_code() == 0) {
    failed_checks_ = 0;
    return ContainerHealth::healthy;
  }
  return ++failed_checks_ < retries ? ContainerHealth::starting : ContainerHealth::unhealthy;
}

JobContainers::~JobContainers() {
  for (const auto& container : containers_)
    container->running().kill();  // all at once, before each is waited for
}

Result<std::string> JobContainers::make_id() {
  std::array<std::byte, Digest::kSize> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return fail(host_error("no random bytes", errno));
  return Digest(random).hex();
}

JobContainers::Ptr JobContainers::find_by_name(const std::string& name) const {
  const auto found = std::find_if(containers_.begin(), containers_.end(),
                                  [&](const Ptr& container) { return container->name() == name; });
  return found == containers_.end() ? nullptr : *found;
}

// What ended has no ports, and is gone when it was to remove itself.
void JobContainers::sweep() {
  std::erase_if(containers_, [&](const Ptr& container) {
    if (container->running().state().phase != Phase::exited) return false;
    container->unpublish();
    if (container->facts().remove_at_end) names_.forget(container->hosts());
    return container->facts().remove_at_end;
  });
}

Result<std::string> JobContainers::choose_name(const std::string& asked) {
  const std::lock_guard lock(mutex_);
  sweep();
  if (const auto other = asked.empty() ? nullptr : find_by_name(asked))
    return fail(
        Error(Fault::user, fmt::format("Conflict. The container name \"/{}\" is already in use by container \"{}\"",
                                       asked, other->facts().id))
            .remedy("remove it with 'docker rm -f', or run it with --rm"));
  if (containers_.size() >= kMaxJobContainers) {
    const auto oldest = std::find_if(containers_.begin(), containers_.end(), [](const Ptr& container) {
      return !container->facts().named_by_user && container->running().state().phase == Phase::exited;
    });
    if (oldest == containers_.end())
      return fail(Error(Fault::user, fmt::format("a job has at most {} containers", kMaxJobContainers))
                      .remedy("remove those that are no longer needed with 'docker rm'"));
    names_.forget((*oldest)->hosts());
    containers_.erase(oldest);
  }
  if (!asked.empty()) return asked;
  SCANGATE_TRY(const std::string id, make_id());
  return "run-" + id.substr(0, 8);
}

Result<void> JobContainers::add(Ptr container) {
  const std::lock_guard lock(mutex_);
  // Two commands may have chosen the same name at once.
  if (find_by_name(container->name()))
    return fail(Fault::user, fmt::format("Conflict. The container name \"/{}\" is already in use", container->name()));
  containers_.push_back(std::move(container));
  return {};
}

Result<JobContainers::Ptr> JobContainers::find(const std::string& text) {
  const std::lock_guard lock(mutex_);
  sweep();
  const std::string name = text.starts_with('/') ? text.substr(1) : text;
  if (auto found = find_by_name(name)) return found;
  Ptr by_id;
  if (!name.empty())
    for (const auto& container : containers_)
      if (container->facts().id.starts_with(name)) {
        if (by_id)
          return fail(Fault::user, fmt::format("Multiple IDs found with provided prefix: {}", printable(name)));
        by_id = container;
      }
  if (by_id) return by_id;
  return fail(Fault::user, fmt::format("No such container: {}", printable(text)));
}

std::vector<JobContainers::Ptr> JobContainers::all() {
  const std::lock_guard lock(mutex_);
  sweep();
  return containers_;
}

void JobContainers::remove(const Ptr& container) {
  container->running().kill();
  container->running().wait_end(Cancel(), kKillWait);
  container->unpublish();
  const std::lock_guard lock(mutex_);
  names_.forget(container->hosts());
  std::erase(containers_, container);
}

Result<void> JobContainers::rename(const Ptr& container, const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (find_by_name(name))
    return fail(Fault::user, fmt::format("Conflict. The container name \"/{}\" is already in use", name));
  container->rename(name);
  names_.add({name});
  return {};
}

Result<std::pair<fs::path, bool>> JobContainers::volume(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::error_code ignored;
  const fs::path folder = volumes_ / name;
  SCANGATE_CHECK(make_directories(folder));
  return std::pair{folder, fs::is_empty(folder, ignored)};
}

bool JobContainers::has_volume(const std::string& name) const {
  std::error_code ignored;
  return fs::is_directory(volumes_ / name, ignored);
}

std::vector<std::string> JobContainers::volumes() const {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator it(volumes_, error), end; !error && it != end; it.increment(error))
    out.push_back(it->path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

Result<void> JobContainers::remove_volume(const std::string& name) {
  for (const auto& container : all())
    for (const auto& mount : container->facts().mounts)
      if (mount.named_volume && mount.source == name)
        return fail(Fault::user, fmt::format("remove {}: volume is in use - [{}]", name, container->facts().id));
  return remove_tree(volumes_ / name);
}

Result<void> JobContainers::add_network(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (networks_.contains(name)) return fail(Fault::user, fmt::format("network with name {} already exists", name));
  if (networks_.size() >= kMaxJobNetworks)
    return fail(Fault::user, fmt::format("a job has at most {} networks", kMaxJobNetworks));
  networks_.insert(name);
  return {};
}

bool JobContainers::has_network(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return networks_.contains(name) || name == "bridge" || name == "host" || name == "none";
}

std::vector<std::string> JobContainers::networks() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out = {"bridge", "host", "none"};
  out.insert(out.end(), networks_.begin(), networks_.end());
  return out;
}

bool JobContainers::remove_network(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return networks_.erase(name) != 0;
}

}  // namespace scangate
