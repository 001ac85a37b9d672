#pragma once
// The network of a job: a namespace of its own that the job's script and its services share, with a way out through
// pasta (passt) or slirp4netns; else the host's. network_namespaces(7).
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/loopback.h"
#include "base/process.h"

namespace scangate {

enum class NetworkChoice {
  automatic,  // own where a helper program works, else host
  own,        // a namespace of its own with a way out, or an Error
  host,       // the host's own network, its loopback included
  none,       // a namespace of its own with nothing but loopback
};

struct NetworkSettings {
  NetworkChoice choice = NetworkChoice::automatic;
  // Ports of the host's 127.0.0.1 that can be reached at the namespace's 127.0.0.1 too; needs pasta.
  std::vector<std::uint16_t> host_loopback_ports;
  std::filesystem::path state_folder;  // created when missing; the helper mounts a tmpfs over a folder in it
  std::filesystem::path name_servers = "/etc/resolv.conf";  // of the host
  // A folder of ours alone, for a network that keep() is called for. Absent: it ends with this object.
  std::optional<std::filesystem::path> keep_in;
};

// The end of a kept network, which takes the kernel some 10 ms. It goes away when that is over: a call whose result is
// dropped waits for it.
// dropped waits for it.
class KeptNetworkEnd {
 public:
  explicit KeptNetworkEnd(UniqueFd keeper) : keeper_(std::move(keeper)) {}
  ~KeptNetworkEnd();
  KeptNetworkEnd(KeptNetworkEnd&&) = default;
  KeptNetworkEnd& operator=(KeptNetworkEnd&&) = delete;

 private:
  UniqueFd keeper_;  // a pidfd; nothing is waited for without
};

// The namespace lives as long as this object or a process in it, the helper program as long as this object: it ends
// also when our process is killed. keep() changes that. Thread-safe after make().
class JobNetwork {
 public:
  // Makes the namespace, its loopback up, and waits until the helper is ready (some 20 ms). Errors: Fault::host when
  // what was asked for cannot be had, with what each helper said and the remedy.
  static Result<std::unique_ptr<JobNetwork>> make(const NetworkSettings& settings, ProcessRunner& runner);
  ~JobNetwork();
  JobNetwork(const JobNetwork&) = delete;
  JobNetwork& operator=(const JobNetwork&) = delete;

  // The network that an earlier process kept in `folder`, nullptr when there is none (any more). `settings` as it was
  // made with.
  static std::unique_ptr<JobNetwork> kept(const std::filesystem::path& folder, const NetworkSettings& settings);
  // Tells a kept network to end; nothing happens when there is none.
  static KeptNetworkEnd end_kept(const std::filesystem::path& folder);

  // From now on it lives until end_kept(), or until the process that started ours ends. Starting a helper costs as much
  // as everything else in a stage of a job. Errors: Fault::host where that cannot be: without a helper, without
  // `keep_in`, and in a user namespace of our own, which later processes could not enter.
  Result<void> keep();

  bool is_host() const { return !namespace_; }
  // For setns(2) in a child before it becomes its program; -1 for the host's network.
  int namespace_fd() const { return namespace_.get(); }
  // One line: "own, through pasta", "host (pasta: not installed; slirp4netns: not installed)".
  const std::string& description() const { return description_; }
  // The text for /etc/resolv.conf in here; nullopt: the host's file is right.
  const std::optional<std::string>& resolv_conf() const { return resolv_conf_; }

  // A listening TCP socket on 127.0.0.1 as programs in this network see it, served by our process from outside. Port 0
  // takes a free one. In host mode every process of the host reaches it.
  Result<LoopbackListener> listen_loopback(std::uint16_t port = 0) const;
  // As socket(2), in this network: what connects it speaks from here.
  Result<UniqueFd> open_socket(int family, int type, int protocol) const;
  // Whether something in this network takes connections at that port of 127.0.0.1.
  Result<bool> accepts(std::uint16_t port) const;
  // Whether the helper's name server answers a query within 5 s; false without a helper.
  bool name_server_answers() const;

 private:
  class Helper;
  JobNetwork();
  void use(const std::string& helper_name, const std::string& name_server, const NetworkSettings& settings);
  Result<void> enter(const std::function<Result<void>()>& work) const;
  static Result<UniqueFd> make_namespace();

  UniqueFd namespace_;
  std::unique_ptr<Helper> helper_;
  std::filesystem::path keep_in_;  // empty: cannot be kept
  std::string description_;
  std::optional<std::string> resolv_conf_;
  std::string name_server_;  // the helper's
};

// The host's resolv.conf as a network of its own needs it. `forwarder` stands for the first IPv4 server, which the
// helpers ask for it, and for every server on the host's loopback, which cannot be reached from there; it comes last
// when the list has neither. The first IPv4 server must not be asked directly: pasta rewrites its answers to come from
// the forwarder. Pure; for tests.
std::string resolv_conf_through(std::string_view host, std::string_view forwarder);

}  // namespace scangate
