#include "executor/gate/container_commands.h"

#include <fcntl.h>

#include <algorithm>
#include <map>

#include "base/file.h"
#include "base/text.h"
#include "executor/gate/container_copy.h"
#include "executor/gate/container_inspect.h"
#include "executor/gate/container_run.h"
#include "executor/gate/container_table.h"
#include "executor/gate/go_template.h"
#include "pipeline/image/reference.h"

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
    std::vector<Ptr> shown;
    const auto all = table_.all();
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
      const bool wanted =
          asked.all || asked.last > 0 || names_status(asked) || (*it)->running().state().phase == Phase::running;
      if (wanted && passes(**it, asked)) shown.push_back(*it);
    }
    if (asked.last > 0 && shown.size() > asked.last) shown.resize(asked.last);
    const TimePoint now = SystemClock().now();
    std::string format = asked.format;
    const bool table = !asked.quiet && (format.empty() || format.starts_with("table"));
    if (asked.quiet) format = "{{.ID}}";
    if (format == "json") format = "{{json .}}";
    if (table && format.starts_with("table ")) {
      format = format.substr(6);
      call_.print(heading(format) + "\n");
    } else if (table) {
      call_.print(row("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"));
      format.clear();
    }
    for (const auto& container : shown) {
      const std::string json = list_container_json(*container, now, asked.no_trunc);
      std::vector<std::string> cells;
      for (const std::string_view field : {"ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"}) {
        if (!format.empty()) break;
        const auto cell = fill_template(fmt::format("{{{{.{}}}}}", field), json);
        if (!cell) return call_.fail_with(cell.error());
        cells.push_back(*cell);
      }
      if (format.empty()) {
        call_.print(row(cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6]));
        continue;
      }
      const auto text = fill_template(format, json);
      if (!text) return call_.fail_with(text.error());
      call_.print(*text + "\n");
    }
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

  int operator()(const command::NamedObjects& asked) {
    return asked.kind == command::NamedObjects::Kind::network ? networks(asked) : volumes(asked);
  }

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
  static std::string row(std::string_view id, std::string_view image, std::string_view command, std::string_view age,
                         std::string_view status, std::string_view ports, std::string_view name) {
    return fmt::format("{:<14} {:<24} {:<24} {:<20} {:<26} {:<28} {}\n", id, image, command, age, status, ports, name);
  }

  // "{{.Names}}\t{{.Status}}" of a table: its fields in capitals.
  static std::string heading(std::string_view format) {
    std::string out;
    for (std::size_t i = 0; i < format.size(); ++i) {
      if (format.substr(i, 3) == "{{.") {
        const std::size_t end = format.find("}}", i);
        if (end == std::string_view::npos) break;
        for (const char c : format.substr(i + 3, end - i - 3))
          out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        i = end + 1;
      } else if (format.substr(i, 2) == "\\t") {
        out += '\t';
        ++i;
      } else {
        out += format[i];
      }
    }
    return out;
  }

  static bool names_status(const command::ListContainers& asked) {
    return std::any_of(asked.filters.begin(), asked.filters.end(),
                       [](const auto& filter) { return filter.first == "status"; });
  }

  // Several of one key: one of them must hold; of different keys, each.
  bool passes(JobContainer& container, const command::ListContainers& asked) {
    std::map<std::string, bool> held;
    for (const auto& [key, value] : asked.filters)
      held[key] = held[key] || holds(container, key, value);
    return std::all_of(held.begin(), held.end(), [](const auto& each) { return each.second; });
  }

  bool holds(JobContainer& container, const std::string& key, const std::string& value) {
    const ContainerFacts& facts = container.facts();
    if (key == "name") {
      // Docker takes a pattern here; what people write of it are its ends: ^/name$.
      std::string_view text = value;
      const bool from_start = text.starts_with('^');
      if (from_start) text.remove_prefix(1);
      const bool to_end = text.ends_with('$');
      if (to_end) text.remove_suffix(1);
      if (text.starts_with('/')) text.remove_prefix(1);
      const std::string name = container.name();
      const std::size_t at = name.find(text);
      if (from_start && to_end) return name == text;
      if (from_start) return name.starts_with(text);
      return to_end ? name.ends_with(text) : at != std::string::npos;
    }
    if (key == "id") return facts.id.starts_with(value);
    if (key == "status") return phase_name(container.running().state().phase) == value;
    if (key == "health") return container_health_name(container.check_health(call_.cancel)) == value;
    if (key == "network") return facts.network == value;
    if (key == "label")
      return std::any_of(facts.labels.begin(), facts.labels.end(), [&](const auto& label) {
        return value == label.first || value == label.first + "=" + label.second;
      });
    if (key == "publish")
      return std::any_of(facts.ports.begin(), facts.ports.end(), [&](const auto& port) {
        return value.substr(0, value.find('/')) == std::to_string(port.host);
      });
    // ancestor
    const auto asked = Reference::parse(value);
    const auto own = Reference::parse(facts.image);
    return value == facts.image || (asked && own && asked->str() == own->str()) ||
           facts.image_id.hex().starts_with(value);
  }

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

  int networks(const command::NamedObjects& asked) {
    using Verb = command::NamedObjects::Verb;
    switch (asked.verb) {
      case Verb::create:
        if (auto made = table_.add_network(asked.names[0]); !made) return call_.fail_with(made.error());
        call_.print(Digest::of(asked.names[0]).hex() + "\n");
        return 0;
      case Verb::remove:
        return for_names(asked.names, [&](const std::string& name) -> Result<void> {
          if (!table_.remove_network(name) && !asked.force)
            return fail(Fault::user, fmt::format("network {} not found", printable(name)));
          call_.print(name + "\n");
          return {};
        });
      case Verb::list:
        return list_names(asked, table_.networks(), "NETWORK ID", "bridge");
      case Verb::inspect:
        return for_names(asked.names, [&](const std::string& name) -> Result<void> {
          if (!table_.has_network(name)) return fail(Fault::user, fmt::format("network {} not found", printable(name)));
          return show(asked.format,
                      fmt::format(R"({{"Name": "{0}", "Id": "{1}", "Driver": "bridge", "Scope": "local", )"
                                  R"("IPAM": {{"Config": [{{"Subnet": "127.0.0.0/8", "Gateway": "127.0.0.1"}}]}}}})",
                                  name, Digest::of(name).hex()));
        });
      case Verb::connect:
        if (!table_.has_network(asked.names[0]))
          return call_.fail_with(Error(Fault::user, fmt::format("network {} not found", printable(asked.names[0]))));
        return 0;  // one network is all there is
      case Verb::prune:
        break;
    }
    return 0;
  }

  int volumes(const command::NamedObjects& asked) {
    using Verb = command::NamedObjects::Verb;
    switch (asked.verb) {
      case Verb::create: {
        const auto id = JobContainers::make_id();
        if (!id) return call_.fail_with(id.error());
        const std::string name = asked.names.empty() ? *id : asked.names[0];
        if (auto made = table_.volume(name); !made) return call_.fail_with(made.error());
        call_.print(name + "\n");
        return 0;
      }
      case Verb::remove:
        return for_names(asked.names, [&](const std::string& name) -> Result<void> {
          if (!has_volume(name)) {
            if (asked.force) return {};
            return fail(Fault::user, fmt::format("get {}: no such volume", printable(name)));
          }
          SCANGATE_CHECK(table_.remove_volume(name));
          call_.print(name + "\n");
          return {};
        });
      case Verb::list:
        return list_names(asked, table_.volumes(), "DRIVER", "local");
      case Verb::inspect:
        return for_names(asked.names, [&](const std::string& name) -> Result<void> {
          if (!has_volume(name)) return fail(Fault::user, fmt::format("get {}: no such volume", printable(name)));
          return show(asked.format,
                      fmt::format(R"({{"Name": "{}", "Driver": "local", "Mountpoint": "", "Scope": "local"}})", name));
        });
      case Verb::prune:
        call_.print("Total reclaimed space: 0B\n");
        return 0;
      case Verb::connect:
        break;
    }
    return 0;
  }

  // A name becomes a path: only what can be one of ours is looked for.
  bool has_volume(const std::string& name) const { return command::is_object_name(name) && table_.has_volume(name); }

  template <class Work>
  int for_names(const std::vector<std::string>& names, const Work& work) {
    int code = 0;
    for (const auto& name : names)
      if (Result<void> done = work(name); !done) code = call_.fail_with(done.error());
    return code;
  }

  int list_names(const command::NamedObjects& asked, const std::vector<std::string>& names, std::string_view first,
                 std::string_view driver) {
    const bool network = asked.kind == command::NamedObjects::Kind::network;
    if (!asked.quiet && asked.format.empty())
      call_.print(network ? fmt::format("{:<14} {:<20} DRIVER  SCOPE\n", first, "NAME")
                          : fmt::format("{:<9} VOLUME NAME\n", first));
    for (const auto& name : names) {
      const std::string id = Digest::of(name).brief();
      if (!asked.format.empty()) {
        if (auto shown = show(
                asked.format,
                fmt::format(R"({{"ID": "{}", "Name": "{}", "Driver": "{}", "Scope": "local"}})", id, name, driver));
            !shown)
          return call_.fail_with(shown.error());
      } else if (asked.quiet) {
        call_.print((network ? id : name) + "\n");
      } else {
        call_.print(network ? fmt::format("{:<14} {:<20} {:<7} local\n", id, name, driver)
                            : fmt::format("{:<9} {}\n", driver, name));
      }
    }
    return 0;
  }

  Result<void> show(const std::string& format, const std::string& json) {
    if (format.empty()) {
      call_.print("[" + json + "]\n");
      return {};
    }
    SCANGATE_TRY(const std::string text, fill_template(format == "json" ? "{{json .}}" : format, json));
    call_.print(text + "\n");
    return {};
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
