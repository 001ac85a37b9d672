#include "executor/engine/step_options.h"

#include "base/text.h"

namespace scangate {
namespace {

// The kernel's, where --cpu-quota comes without --cpu-period: sched-bwc.rst.
constexpr std::uint64_t kDefaultPeriod = 100'000;

}  // namespace

Result<StepOptions> step_options(const command::StepFlags& flags) {
  StepOptions out;
  for (const auto& [name, address] : flags.add_hosts)
    // The job's services and ports are on the loopback of the network that the steps run in, too.
    out.add_hosts.emplace_back(name, address == "host-gateway" ? "127.0.0.1" : address);
  for (const auto& each : flags.resources) {
    if (!is_resource_limit(each.name))
      return fail(Error(Fault::user, fmt::format("--ulimit knows no '{}'", printable(each.name)))
                      .remedy("nofile, nproc, core, stack, memlock and the others of setrlimit(2) are"));
    out.resource_limits.push_back({each.name, each.soft, each.hard});
  }
  out.shared_memory_bytes = flags.shared_memory_bytes;
  out.limits.memory_bytes = flags.memory_bytes;
  if (const std::uint64_t period = flags.cpu_period_us.value_or(kDefaultPeriod); flags.cpu_quota_us && period > 0)
    out.limits.cpus = static_cast<double>(*flags.cpu_quota_us) / static_cast<double>(period);
  return out;
}

Error secret_not_found(std::string_view id, std::string_view variable) {
  return Error(Fault::user, fmt::format("the secret '{}': there is no variable {}", printable(id), printable(variable)))
      .remedy("set it, or name a file with src=");
}

Error no_agent(std::string_view id) {
  return Error(Fault::user, fmt::format("--ssh {}: SSH_AUTH_SOCK is not set", printable(id)))
      .remedy("start ssh-agent and add the key");
}

Error no_socket(std::string_view id, std::string_view path) {
  return Error(Fault::user, fmt::format("--ssh {}: '{}' is no socket of an agent", printable(id), printable(path)))
      .remedy("keys in files are not served: start ssh-agent and add the key with ssh-add");
}

}  // namespace scangate
