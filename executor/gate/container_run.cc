#include "executor/gate/container_run.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "executor/gate/bound_path.h"
#include "executor/settings/settings.h"
#include "pipeline/command/scanner.h"
#include "scan/report/report.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// What docker itself ends with when the container did not come to be.
constexpr int kNotRun = 125;
constexpr std::size_t kMaxEnvironmentFileBytes = 1U << 20U;
constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// NAME=VALUE, or NAME for what the caller has; nothing when it has not.
void set_asked(std::vector<std::string>& environment, const std::string& entry, const GateCall& call) {
  const std::size_t equals = entry.find('=');
  if (equals != std::string::npos)
    set_variable(environment, std::string_view(entry).substr(0, equals), entry.substr(equals + 1));
  else if (const auto value = call.variable(entry))
    set_variable(environment, entry, *value);
}

class ContainerRun {
 public:
  ContainerRun(ImageCommands& images, GateCall& call, const command::RunRequest& asked)
      : images_(images), call_(call), asked_(asked) {}

  Result<Exit> run() {
    SCANGATE_CHECK(check());
    SCANGATE_TRY(const Digest digest, image());
    Engine& engine = images_.engine();
    SCANGATE_TRY(const auto lease, images_.store().lease());
    SCANGATE_TRY(Sandbox * sandbox, engine.sandbox(call_.console));
    SCANGATE_TRY(auto volumes, mounts());
    const ContainerImage image{
        .digest = digest,
        .entrypoint = asked_.entrypoint ? std::vector{*asked_.entrypoint} : std::vector<std::string>(),
        .user = asked_.user};
    SCANGATE_TRY(Container container, make_container(engine, image, asked_.command, std::move(volumes), std::nullopt,
                                                     call_.cancel, call_.console));
    SandboxSpec& spec = container.spec;
    spec.root_read_only = asked_.read_only;
    spec.no_new_privileges = spec.no_new_privileges || asked_.no_new_privileges;
    // The job's own network in every other case: a container reaches what the job reaches, and no more.
    if (asked_.network == "none")
      spec.network = Network::none;
    else
      spec.join = images_.context().network;
    if (!asked_.hostname.empty()) spec.hostname = asked_.hostname;
    SCANGATE_CHECK(set_environment(spec));
    if (!asked_.directory.empty()) spec.directory = asked_.directory;
    if (!spec.directory.starts_with('/'))
      return fail(Fault::user,
                  fmt::format("the working directory '{}' is not an absolute path", printable(spec.directory)));
    SCANGATE_CHECK(container.workspace.add_mount_point(spec.directory, Workspace::PointKind::directory));
    spec.stdin_fd = asked_.interactive ? call_.request.input.get() : -1;
    spec.stdout_fd = call_.request.output.get();
    spec.stderr_fd = call_.request.error.get();
    return sandbox->run(spec, call_.cancel, {});
  }

 private:
  Result<void> check() const {
    if (!asked_.refused.empty())
      return fail(Error(Fault::user, fmt::format("docker run: {} is not served", asked_.refused.front().first))
                      .remedy(asked_.refused.front().second));
    if (!asked_.network.empty() && asked_.network != "host" && asked_.network != "none" && asked_.network != "bridge" &&
        asked_.network != "default")
      return fail(Error(Fault::user, fmt::format("docker run: --network '{}' is not served", printable(asked_.network)))
                      .remedy("host and none are"));
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

  Result<void> set_environment(SandboxSpec& spec) const {
    if (!environment_value(spec.environment, "PATH")) set_variable(spec.environment, "PATH", std::string(kDefaultPath));
    set_variable(spec.environment, "HOSTNAME", spec.hostname);
    for (const auto& file : asked_.environment_files) {
      SCANGATE_TRY(const std::string text, call_.files.read(file, kMaxEnvironmentFileBytes));
      for (const std::string& line : split(text, '\n'))
        if (const auto entry = trim(line); !entry.empty() && !entry.starts_with('#'))
          set_asked(spec.environment, std::string(entry), call_);
    }
    for (const auto& entry : asked_.environment)
      set_asked(spec.environment, entry, call_);
    return {};
  }

  Result<std::vector<SandboxMount>> mounts() {
    std::vector<SandboxMount> out;
    if (asked_.network != "none") out = name_mounts(images_.context().names);
    for (const auto& volume : asked_.volumes) {
      if (volume.source.empty()) {
        out.push_back({.source = {}, .target = volume.target, .read_only = false});
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

  // The job's own folders can be mounted, found on the host's side of their mount and opened inside it: the job's other
  // files live in a mount namespace from which nothing can be bound.
  Result<UniqueFd> open_volume(const std::string& source) const {
    if (source.find('/') == std::string::npos)
      return fail(Error(Fault::user, fmt::format("docker run: the volume '{}' is not served", printable(source)))
                      .remedy("mount a folder of the project, './" + printable(source) + "'"));
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
  GateCall& call_;
  const command::RunRequest& asked_;
  std::vector<BoundPath> bound_;  // until the command has ended
};

// Which of our reports comes nearest to what the scanner was to write.
ReportFormat report_format(std::string_view wanted) {
  const std::string format = to_lower(wanted);
  if (format.find("gitlab") != std::string::npos)
    return format.find("codequality") != std::string::npos ? ReportFormat::codequality : ReportFormat::gitlab;
  if (format.find("junit") != std::string::npos) return ReportFormat::junit;
  if (format.find("json") != std::string::npos) return ReportFormat::json;
  return ReportFormat::table;
}

// Where a path of the container is in the job, by the volumes; empty when it is in none.
std::string in_job(const command::RunRequest& asked, const std::string& path) {
  const std::string absolute = (fs::path(asked.directory.empty() ? "/" : asked.directory) / path).lexically_normal();
  for (const auto& volume : asked.volumes) {
    const std::string inside = fs::path(absolute).lexically_relative(volume.target).string();
    if (volume.source.find('/') == std::string::npos || inside.empty() || inside.starts_with("..")) continue;
    return inside == "." ? volume.source : volume.source + "/" + inside;
  }
  return {};
}

}  // namespace

int run_container(ImageCommands& images, GateCall& call, const command::RunRequest& asked) {
  const auto exit = ContainerRun(images, call, asked).run();
  if (exit) return exit->shell_code();
  return call.fail_with(exit.error(), start_failure_code(exit.error()).value_or(kNotRun));
}

std::optional<int> answer_scanner(ImageCommands& images, GateCall& call, const command::RunRequest& asked) {
  const auto scanner = command::parse_scanner(asked.image, asked.command);
  if (!scanner) return call.fail_with(scanner.error());
  if (!*scanner) return std::nullopt;
  const command::ScannerRequest& request = **scanner;
  if (request.image.empty()) {
    call.print(
        fmt::format("{} is answered by scangate's own scan; there is nothing to prepare for it\n", request.scanner));
    return 0;
  }
  call.say(fmt::format("{} of {} is answered by scangate's own scan, with this host's data and policy\n",
                       request.scanner, printable(request.image)));
  const auto digest = images.resolve_or_pull(call, request.image);
  if (!digest) return call.fail_with(digest.error(), exit_number(ExitCode::undecided));
  const auto name = Reference::parse(request.image);
  const auto result = images.scan(call, *digest, name ? name->familiar() : request.image);
  if (!result) return call.fail_with(result.error(), exit_number(ExitCode::undecided));
  if (!request.output.empty()) {
    const std::string path = in_job(asked, request.output);
    if (path.empty()) {
      call.say(fmt::format("note: the report {} would be in no folder of the job, and is not written\n",
                           printable(request.output)));
    } else {
      const auto written =
          call.files.write(path, render_report(report_format(request.format), {*result}, ReportOptions{}));
      if (!written) return call.fail_with(written.error());
      call.say(fmt::format("note: {} holds scangate's report, not {}'s\n", printable(path), request.scanner));
    }
  }
  if (images.engine().settings().enforce != Enforce::strict) return 0;
  return exit_number(exit_code_of(result->verdict.outcome));
}

}  // namespace scangate
