#include "executor/gate/container_commands.h"

#include <fcntl.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "executor/gate/container_copy.h"
#include "executor/gate/container_inspect.h"
#include "executor/gate/container_list.h"
#include "executor/gate/container_objects.h"
#include "executor/gate/container_run.h"
#include "executor/gate/container_table.h"

namespace scangate {
namespace {

using Phase = ContainerState::Phase;
using Ptr = JobContainers::Ptr;

// How long a reader of a growing log may go without looking whether its caller is still there.
constexpr auto kFollowStep = std::chrono::milliseconds(200);
// The rest of a container's life after SIGKILL.
constexpr auto kKilledWait = std::chrono::seconds(10);
constexpr int kNotThere = 126;  // docker's, for an exec that could not be: the container does not run

class ContainerFront {
 public:
  ContainerFront(ImageCommands& images, GateCall& call) : images_(images), table_(images.containers()), call_(call) {}

  int operator()(const command::ListContainers& asked) {
    const auto text = list_containers(table_, asked, call_.cancel);
    if (!text) return call_.fail_with(text.error());
    call_.print(*text);
    return 0;
  }

  int operator()(const command::ContainerLogs& asked) {
    const auto container = table_.find(asked.container);
    if (!container) return call_.fail_with(container.error());
    ContainerLog& log = (*container)->running().log();
    std::uint64_t from = asked.tail ? log.last(*asked.tail) : 0;
    bool over = (*container)->running().state().phase == Phase::created;
    for (bool first = true; first || (asked.follow && !over && !call_.cancel.cancelled()); first = false)
      for (const auto& line : log.read(from, first ? std::chrono::milliseconds(0) : kFollowStep, over)) {
        std::string text = line.text;
        if (asked.timestamps) text = format_rfc3339(std::chrono::floor<std::chrono::seconds>(line.at)) + " " + text;
        line.stream == Stream::out ? call_.print(text) : call_.say(text);
      }
    return 0;
  }

  int operator()(const command::ExecInContainer& asked) {
    const auto found = table_.find(asked.container);
    if (!found) return call_.fail_with(found.error());
    const Ptr container = *found;
    if (container->running().state().phase != Phase::running)
      return call_.fail_with(Error(Fault::user, fmt::format("container {} is not running", container->facts().id)));
    SandboxSpec spec = container->running().spec();
    spec.handle = nullptr;
    spec.argv = asked.command;
    if (auto set = set_asked_variables(spec.environment, call_, asked.environment_files, asked.environment); !set)
      return call_.fail_with(set.error());
    if (!asked.user.empty()) {
      std::erase_if(spec.environment, [](const std::string& entry) { return entry.starts_with("HOME="); });
      if (auto set = set_user(spec, asked.user); !set) return call_.fail_with(set.error(), kNotThere);
    }
    if (!asked.directory.empty()) spec.directory = asked.directory;
    if (asked.detach) {
      if (auto started = container->run_beside(std::move(spec)); !started) return call_.fail_with(started.error());
      return 0;
    }
    spec.stdin_fd = asked.interactive ? call_.request.input.get() : -1;
    spec.stdout_fd = call_.request.output.get();
    spec.stderr_fd = call_.request.error.get();
    const auto exit = container->running().run_within(spec, call_.cancel, {});
    if (!exit) return call_.fail_with(exit.error(), start_failure_code(exit.error()).value_or(kNotThere));
    return exit->shell_code();
  }

  int operator()(const command::StopContainers& asked) {
    return for_each(asked.containers, [&](const Ptr& container, const std::string& written) -> Result<void> {
      container->stop(asked.signal, asked.patience, call_.cancel);
      if (asked.restart) SCANGATE_CHECK(start_container(images_, container));
      call_.print(written + "\n");
      return {};
    });
  }

  int operator()(const command::KillContainers& asked) {
    return for_each(asked.containers, [&](const Ptr& container, const std::string& written) -> Result<void> {
      const bool runs = container->running().state().phase == Phase::running;
      if (!runs || !container->running().signal(asked.signal))
        return fail(Fault::user, fmt::format("cannot kill container: {}: container {} is not running",
                                             printable(written), container->facts().id));
      if (asked.signal == 9) container->running().wait_end(call_.cancel, kKilledWait);
      call_.print(written + "\n");
      return {};
    });
  }

  int operator()(const command::RemoveContainers& asked) {
    int code = 0;
    for (const auto& name : asked.containers) {
      const auto container = table_.find(name);
      if (!container) {
        // As docker since 20.10: --force of what is not there is no failure, but it is told.
        call_.fail_with(container.error());
        if (!asked.force) code = kCommandFailed;
        continue;
      }
      if (!asked.force && (*container)->running().state().phase == Phase::running) {
        code = call_.fail_with(Error(Fault::user, fmt::format("cannot remove container \"/{}\": container is running",
                                                              (*container)->name()))
                                   .remedy("stop the container before removing or force remove"));
        continue;
      }
      table_.remove(*container);
      call_.print(name + "\n");
    }
    return code;
  }

  int operator()(const command::WaitForContainers& asked) {
    return for_each(asked.containers, [&](const Ptr& container, const std::string&) -> Result<void> {
      if (!container->running().wait_end(call_.cancel)) return fail(cancelled_error());
      call_.print(fmt::format("{}\n", container->running().state().exit_code));
      return {};
    });
  }

  int operator()(const command::StartContainers& asked) {
    if (asked.attach || asked.interactive) {
      const auto container = table_.find(asked.containers[0]);
      if (!container) return call_.fail_with(container.error());
      if ((*container)->running().state().phase == Phase::running)
        return call_.fail_with(
            Error(Fault::user, "the container runs already").remedy("follow it with 'docker logs -f'"));
      return attach_container(images_, call_, *container, asked.interactive);
    }
    return for_each(asked.containers, [&](const Ptr& container, const std::string& written) -> Result<void> {
      SCANGATE_CHECK(start_container(images_, container));
      call_.print(written + "\n");
      return {};
    });
  }

  int operator()(const command::ContainerPorts& asked) {
    const auto container = table_.find(asked.container);
    if (!container) return call_.fail_with(container.error());
    bool any = false;
    for (const auto& port : (*container)->facts().ports) {
      const std::string key = fmt::format("{}/{}", port.container, port.udp ? "udp" : "tcp");
      if (!asked.port.empty() && asked.port != key && (port.udp || asked.port != std::to_string(port.container)))
        continue;
      any = true;
      call_.print(asked.port.empty() ? fmt::format("{} -> 0.0.0.0:{}\n", key, port.host)
                                     : fmt::format("0.0.0.0:{}\n", port.host));
    }
    if (any || asked.port.empty()) return 0;
    return call_.fail_with(Error(Fault::user, fmt::format("No public port '{}' published for {}", printable(asked.port),
                                                          printable(asked.container))));
  }

  int operator()(const command::CopyInContainer& asked) {
    const auto from = place_of(asked.from);
    const auto to = place_of(asked.to);
    if (from.first.empty() == to.first.empty())
      return call_.fail_with(Error(Fault::user, from.first.empty()
                                                    ? "docker cp: must specify at least one container source"
                                                    : "docker cp: copying between containers is not supported"));
    const bool out = to.first.empty();
    if ((out ? to : from).second == "-")
      return call_.fail_with(Error(Fault::user, "docker cp: a tar on standard streams is not served by scangate")
                                 .remedy("name a file or folder of the job"));
    const auto container = table_.find(out ? from.first : to.first);
    if (!container) return call_.fail_with(container.error());
    if (auto copied = copy(**container, out, from.second, to.second, asked.archive); !copied)
      return call_.fail_with(copied.error());
    return 0;
  }

  int operator()(const command::RenameContainer& asked) {
    const auto container = table_.find(asked.container);
    if (!container) return call_.fail_with(container.error());
    if (auto renamed = table_.rename(*container, asked.name); !renamed) return call_.fail_with(renamed.error());
    return 0;
  }

  int operator()(const command::NamedObjects& asked) { return serve_named_objects(table_, call_, asked); }

  int operator()(const command::Prune& asked) {
    if (asked.containers)
      for (const auto& container : table_.all())
        if (container->running().state().phase != Phase::running) {
          table_.remove(container);
          call_.print("Deleted: " + container->facts().id + "\n");
        }
    call_.print("Total reclaimed space: 0B\n");
    return 0;
  }

 private:
  template <class Work>
  int for_each(const std::vector<std::string>& names, const Work& work) {
    int code = 0;
    for (const auto& name : names) {
      const auto container = table_.find(name);
      Result<void> done = container ? work(*container, name) : fail(container.error());
      if (!done) code = call_.fail_with(done.error());
    }
    return code;
  }

  // "CONTAINER:PATH" or a path; an absolute or dotted one may hold a colon.
  static std::pair<std::string, std::string> place_of(const std::string& text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || text.starts_with('/') || text.starts_with('.')) return {"", text};
    return {text.substr(0, colon), text.substr(colon + 1)};
  }

  Result<void> copy(JobContainer& container, bool out, const std::string& from, const std::string& to, bool archive) {
    SCANGATE_TRY(const UniqueFd root, open_file(container.running().root(), O_PATH | O_DIRECTORY));
    const auto owners = archive ? CopiedOwners::kept : CopiedOwners::ours;
    // What files.absolute() drops says how it is meant.
    const auto kept_end = [](const std::string& written, std::string absolute) {
      if (written.ends_with("/.") || written == ".") return absolute + "/.";
      return written.ends_with('/') && absolute != "/" ? absolute + "/" : absolute;
    };
    const auto inside = [](const std::string& path) { return path.starts_with('/') ? path : "/" + path; };
    if (out)
      return copy_path(root.get(), inside(from), call_.request.root.get(), kept_end(to, call_.files.absolute(to)),
                       owners, call_.cancel);
    return copy_path(call_.request.root.get(), kept_end(from, call_.files.absolute(from)), root.get(), inside(to),
                     owners, call_.cancel);
  }

  ImageCommands& images_;
  JobContainers& table_;
  GateCall& call_;
};

}  // namespace

int serve_containers(ImageCommands& images, GateCall& call, const command::ContainerRequest& request) {
  return std::visit(ContainerFront(images, call), request);
}

std::optional<std::string> inspect_container(ImageCommands& images, GateCall& call, const std::string& name) {
  const auto container = images.containers().find(name);
  if (!container) return std::nullopt;
  return inspect_container_json(**container, (*container)->check_health(call.cancel));
}

}  // namespace scangate
