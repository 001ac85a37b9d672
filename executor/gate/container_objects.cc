#include "executor/gate/container_objects.h"

#include "base/text.h"
#include "executor/gate/go_template.h"

namespace scangate {
namespace {

class ObjectFront {
 public:
  ObjectFront(JobContainers& table, GateCall& call) : table_(table), call_(call) {}

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

 private:
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

  JobContainers& table_;
  GateCall& call_;
};

}  // namespace

int serve_named_objects(JobContainers& table, GateCall& call, const command::NamedObjects& asked) {
  ObjectFront front(table, call);
  return asked.kind == command::NamedObjects::Kind::network ? front.networks(asked) : front.volumes(asked);
}

}  // namespace scangate
