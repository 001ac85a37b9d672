#include "executor/gate/container_run.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "executor/gate/bound_path.h"
#include "executor/gate/container_copy.h"
#include "executor/settings/settings.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// What docker itself ends with when the container did not come to be.
constexpr int kNotRun = 125;
constexpr std::size_t kMaxEnvironmentFileBytes = 1U << 20U;
constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// A runtime starts a program within some 50 ms; a host under load takes longer.
constexpr auto kStartWait = std::chrono::seconds(10);

// NAME=VALUE, or NAME for what the caller has; nothing when it has not.
void set_asked(std::vector<std::string>& environment, const std::string& entry, const GateCall& call) {
  const std::size_t equals = entry.find('=');
  if (equals != std::string::npos)
    set_variable(environment, std::string_view(entry).substr(0, equals), entry.substr(equals + 1));
  else if (const auto value = call.variable(entry))
    set_variable(environment, entry, *value);
}

// Makes a container as it was asked for.
class ContainerMaker {
 public:
  ContainerMaker(ImageCommands& images, GateCall& call, const command::RunRequest& asked)
      : images_(images), table_(images.containers()), call_(call), asked_(asked) {}

  Result<JobContainers::Ptr> make() {
    SCANGATE_CHECK(check());
    SCANGATE_TRY(std::string name, table_.choose_name(asked_.name));
    SCANGATE_TRY(const Digest digest, image());
    Engine& engine = images_.engine();
    SCANGATE_TRY(const auto lease, images_.store().lease());
    SCANGATE_TRY(Sandbox * sandbox, engine.sandbox(call_.console));
    SCANGATE_CHECK(set_facts(digest));
    SCANGATE_TRY(TempDir folder, images_.store().make_work_folder("container-"));
    SCANGATE_TRY(NameFiles files, name_files(folder.path(), name));
    SCANGATE_TRY(auto volumes, mounts(files));
    const ContainerImage image{
        .digest = digest,
        .entrypoint = asked_.entrypoint ? std::vector{*asked_.entrypoint} : std::vector<std::string>(),
        .user = asked_.user};
    SCANGATE_TRY(Container container, make_container(engine, image, asked_.command, std::move(volumes), std::nullopt,
                                                     call_.cancel, call_.console));
    SCANGATE_CHECK(fill_new_volumes(container.workspace.root()));
    SCANGATE_CHECK(set_spec(container));
    publish(container.tcp_ports);
    JobContainer::Belongings belongings{
        .folder = std::move(folder), .hosts = files.hosts.value_or(""), .bound = std::move(bound_)};
    auto out = std::make_shared<JobContainer>(std::move(facts_), std::move(name), std::move(belongings), *sandbox,
                                              std::move(container));
    SCANGATE_CHECK(table_.add(out));
    return out;
  }

 private:
  Result<void> check() const {
    if (!asked_.refused.empty())
      return fail(Error(Fault::user, fmt::format("docker run: {} is not served", asked_.refused.front().first))
                      .remedy(asked_.refused.front().second));
    const std::string& network = asked_.network;
    if (!network.empty() && network != "default" && !network.starts_with("container:") && !table_.has_network(network))
      return fail(Error(Fault::user, fmt::format("docker run: network {} not found", printable(network)))
                      .remedy("make it with 'docker network create'"));
    for (const auto& port : asked_.ports)
      if (port.udp && port.host != 0 && port.host != port.container)
        return fail(Error(Fault::user,
                          fmt::format("docker run: udp port {} cannot be published as {}", port.container, port.host))
                        .remedy("the container's udp ports are the job's: use the same number"));
    return {};
  }

  Result<Digest> image() {
    if (asked_.pull == "never") return images_.resolve(asked_.image);
    const Result<Platform> platform =
        asked_.platform.empty() ? Result<Platform>(Platform::host()) : Platform::parse(asked_.platform);
    if (!platform) return fail(platform.error());
    if (asked_.pull == "always") {
      SCANGATE_TRY(const Reference name, Reference::parse(asked_.image));
      SCANGATE_TRY(const auto pulled, images_.pull(call_, name, *platform, PullPolicy::always, call_.console));
      return pulled.manifest_digest;
    }
    return images_.resolve_or_pull(call_, asked_.image);
  }

  Result<void> set_facts(const Digest& digest) {
    SCANGATE_TRY(const auto manifest, images_.store().manifest(digest));
    SCANGATE_TRY(const auto config, images_.store().config(manifest));
    SCANGATE_TRY(facts_.id, JobContainers::make_id());
    facts_.image = asked_.image;
    facts_.image_id = manifest.config.digest;
    facts_.created = SystemClock().now();
    for (const auto& [key, value] : config.labels)
      facts_.labels.emplace_back(key, value);
    for (const auto& label : asked_.labels)
      facts_.labels.push_back(label);
    facts_.network = asked_.network.empty() || asked_.network == "default" ? "bridge" : asked_.network;
    if (!asked_.no_health_check) facts_.health = config.healthcheck;
    if (!asked_.health_command.empty()) {
      if (!facts_.health) facts_.health = Healthcheck{};
      facts_.health->test = {"CMD-SHELL", asked_.health_command};
    }
    if (const auto number = command::signal_number(config.stop_signal)) facts_.stop_signal = *number;
    facts_.remove_at_end = asked_.remove;
    facts_.named_by_user = !asked_.name.empty();
    return {};
  }

  // The job's network in every case but none: a container reaches what the job reaches, and no more, and is reached.
  bool isolated() const { return asked_.network == "none"; }

  Result<NameFiles> name_files(const fs::path& folder, const std::string& name) {
    NameFiles files = images_.context().names;
    if (isolated()) return files;
    std::vector<std::string> names = asked_.names;
    if (!asked_.name.empty()) names.push_back(name);
    if (!asked_.hostname.empty() && command::is_object_name(asked_.hostname)) names.push_back(asked_.hostname);
    std::vector<std::pair<std::string, std::string>> further = asked_.add_hosts;
    for (const auto& link : asked_.links) {
      const std::size_t colon = link.find(':');
      SCANGATE_TRY(const auto target, table_.find(link.substr(0, colon)));
      const std::string alias = colon == std::string::npos ? target->name() : link.substr(colon + 1);
      if (!command::is_object_name(alias))
        return fail(Fault::user, fmt::format("docker run: '{}' is no name", printable(alias)));
      further.emplace_back(alias, "127.0.0.1");
    }
    SCANGATE_TRY(files.hosts, table_.names().make_file(folder, further));
    table_.names().add(names);
    return files;
  }

  Result<void> set_spec(Container& container) {
    SandboxSpec& spec = container.spec;
    spec.root_read_only = asked_.read_only;
    spec.no_new_privileges = spec.no_new_privileges || asked_.no_new_privileges;
    if (isolated())
      spec.network = Network::none;
    else
      spec.join = images_.context().network;
    spec.hostname = asked_.hostname.empty() ? facts_.id.substr(0, 12) : asked_.hostname;
    if (!environment_value(spec.environment, "PATH")) set_variable(spec.environment, "PATH", std::string(kDefaultPath));
    set_variable(spec.environment, "HOSTNAME", spec.hostname);
    SCANGATE_CHECK(set_asked_variables(spec.environment, call_, asked_.environment_files, asked_.environment));
    if (!asked_.directory.empty()) spec.directory = asked_.directory;
    if (!spec.directory.starts_with('/'))
      return fail(Fault::user,
                  fmt::format("the working directory '{}' is not an absolute path", printable(spec.directory)));
    return container.workspace.add_mount_point(spec.directory, Workspace::PointKind::directory);
  }

  // A port without one of the host's is published as it is: nothing has to be done for it.
  void publish(const std::vector<std::uint16_t>& exposed) {
    facts_.ports = asked_.ports;
    for (auto& port : facts_.ports)
      if (port.host == 0) port.host = port.container;
    if (asked_.publish_all)
      for (const std::uint16_t port : exposed)
        facts_.ports.push_back({.host = port, .container = port});
  }

  Result<std::vector<SandboxMount>> mounts(const NameFiles& files) {
    std::vector<SandboxMount> out;
    if (!isolated()) out = name_mounts(files);
    for (const auto& target : asked_.temporary) {
      out.push_back({.source = {}, .target = target, .read_only = false});
      facts_.mounts.push_back({.source = {}, .target = target});
    }
    for (const auto& volume : asked_.volumes) {
      if (volume.source.empty()) {
        out.push_back({.source = {}, .target = volume.target, .read_only = false});
        facts_.mounts.push_back({.source = {}, .target = volume.target});
        continue;
      }
      facts_.mounts.push_back({.source = volume.source,
                               .target = volume.target,
                               .read_only = volume.read_only,
                               .named_volume = command::is_object_name(volume.source)});
      if (facts_.mounts.back().named_volume) {
        SCANGATE_TRY(const auto made, table_.volume(volume.source));
        out.push_back({.source = made.first, .target = volume.target, .read_only = volume.read_only});
        if (made.second) new_volumes_.emplace_back(made.first, volume.target);
        continue;
      }
      SCANGATE_TRY(const UniqueFd opened, open_volume(volume.source));
      SCANGATE_TRY(TempDir place, images_.store().make_work_folder("volume-"));
      SCANGATE_TRY(auto bound, BoundPath::make(opened.get(), std::move(place)));
      out.push_back({.source = bound.path(), .target = volume.target, .read_only = volume.read_only});
      bound_.push_back(std::move(bound));
    }
    return out;
  }

  // As docker: a new volume begins with what the image has in its place.
  Result<void> fill_new_volumes(const fs::path& root) {
    for (const auto& [folder, target] : new_volumes_) {
      SCANGATE_TRY(const UniqueFd from, open_file(root, O_PATH | O_DIRECTORY));
      SCANGATE_TRY(const UniqueFd to, open_file(folder, O_PATH | O_DIRECTORY));
      SCANGATE_CHECK(copy_content(from.get(), target, to.get(), "/", CopiedOwners::kept, call_.cancel));
    }
    return {};
  }

  // The job's own folders can be mounted, found on the host's side of their mount and opened inside it: the job's other
  // files live in a mount namespace from which nothing can be bound.
  Result<UniqueFd> open_volume(const std::string& source) const {
    const std::string path = call_.files.absolute(source);
    if (path == "/var/run/docker.sock" || path == "/run/docker.sock")
      return fail(Error(Fault::user, "docker run: there is no Docker daemon whose socket could be mounted")
                      .remedy("the commands docker, podman and others are served in the job itself"));
    for (const auto& folder : images_.context().folders) {
      const std::string inside = fs::path(path).lexically_relative(folder.target).string();
      if (folder.source.empty() || inside.empty() || inside.starts_with("..")) continue;
      SCANGATE_TRY(const UniqueFd root, open_file(folder.source, O_PATH));
      if (auto fd = open_in_root(root.get(), inside, O_PATH)) return fd;
      // Docker makes a folder that is missing.
      const fs::path relative(inside);
      const std::string above = relative.parent_path().empty() ? "." : relative.parent_path().string();
      SCANGATE_TRY(const UniqueFd parent, open_in_root(root.get(), above, O_PATH | O_DIRECTORY));
      if (mkdirat(parent.get(), relative.filename().c_str(), 0755) != 0 && errno != EEXIST)
        return fail(host_error("cannot make the folder " + source, errno));
      return open_in_root(root.get(), inside, O_PATH);
    }
    return fail(Error(Fault::user, fmt::format("docker run: '{}' cannot be mounted", printable(source)))
                    .remedy("folders of the project can"));
  }

  ImageCommands& images_;
  JobContainers& table_;
  GateCall& call_;
  const command::RunRequest& asked_;
  ContainerFacts facts_;
  std::vector<BoundPath> bound_;
  std::vector<std::pair<fs::path, std::string>> new_volumes_;  // folder, where it is mounted
};

int failed_start(GateCall& call, const Error& error) {
  return call.fail_with(error, start_failure_code(error).value_or(kNotRun));
}

}  // namespace

Result<void> set_asked_variables(std::vector<std::string>& environment, const GateCall& call,
                                 const std::vector<std::string>& files, const std::vector<std::string>& entries) {
  for (const auto& file : files) {
    SCANGATE_TRY(const std::string text, call.files.read(file, kMaxEnvironmentFileBytes));
    for (const std::string& line : split(text, '\n'))
      if (const auto entry = trim(line); !entry.empty() && !entry.starts_with('#'))
        set_asked(environment, std::string(entry), call);
  }
  for (const auto& entry : entries)
    set_asked(environment, entry, call);
  return {};
}

Result<void> start_container(ImageCommands& images, const JobContainers::Ptr& container) {
  SCANGATE_CHECK(container->start(images.context().network, {}));
  container->running().wait_begun(kStartWait);
  const ContainerState state = container->running().state();
  if (state.error) return fail(*state.error);
  return {};
}

int attach_container(ImageCommands& images, GateCall& call, const JobContainers::Ptr& container, bool interactive) {
  RunningContainer::Streams streams;
  streams.input = interactive ? call.request.input.get() : -1;
  // Its output goes where the caller's does, without us in between, when nobody can ask for it afterwards.
  if (container->facts().remove_at_end) {
    streams.output = call.request.output.get();
    streams.error = call.request.error.get();
  } else {
    streams.on_output = [&call](Stream stream, std::string_view text) {
      stream == Stream::out ? call.print(text) : call.say(text);
    };
  }
  if (auto started = container->start(images.context().network, std::move(streams)); !started)
    return call.fail_with(started.error(), kNotRun);
  if (!container->running().wait_end(call.cancel)) {
    container->running().kill();
    container->running().wait_end(Cancel());  // the streams are the caller's
  }
  const ContainerState state = container->running().state();
  return state.error ? failed_start(call, *state.error) : state.exit_code;
}

int run_container(ImageCommands& images, GateCall& call, const command::RunRequest& asked) {
  for (const auto& note : asked.notes)
    call.say("note: " + note + "\n");
  if (!asked.id_file.empty() && call.files.exists(asked.id_file))
    return call.fail_with(Error(Fault::user, fmt::format("container ID file found, make sure the other container isn't "
                                                         "running or delete {}",
                                                         printable(asked.id_file))),
                          kNotRun);
  auto made = ContainerMaker(images, call, asked).make();
  if (!made) return failed_start(call, made.error());
  JobContainers::Ptr container = std::move(*made);
  const std::string id = container->facts().id;
  const auto gone = [&](int code) {
    if (asked.remove) images.containers().remove(container);
    return code;
  };
  if (!asked.id_file.empty())
    if (auto written = call.files.write(asked.id_file, id); !written)
      return gone(call.fail_with(written.error(), kNotRun));
  if (asked.create) {
    call.print(id + "\n");
    return 0;
  }
  if (!asked.detach) return gone(attach_container(images, call, container, asked.interactive));
  if (auto started = start_container(images, container); !started) return gone(failed_start(call, started.error()));
  call.print(id + "\n");
  return 0;
}

}  // namespace scangate
