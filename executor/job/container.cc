#include "executor/job/container.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/build/accounts.h"
#include "pipeline/image/transfer.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// An image exposes a few ports; a range of all of them would be tried one by one.
constexpr std::size_t kMaxPorts = 64;

// The user by the image's own accounts.
Result<build::RunUser> find_user(const fs::path& root, const std::string& user) {
  SCANGATE_TRY(const UniqueFd folder, open_file(root, O_PATH | O_DIRECTORY));
  const auto text_of = [&](const char* file) -> Result<std::string> {
    auto fd = open_in_root(folder.get(), file, O_RDONLY | O_NONBLOCK);
    if (!fd) return std::string();  // an image without accounts
    return read_fd(fd->get(), build::kMaxAccountsBytes, file);
  };
  build::Accounts accounts;
  SCANGATE_TRY(accounts.passwd, text_of("/etc/passwd"));
  SCANGATE_TRY(accounts.group, text_of("/etc/group"));
  return build::parse_run_user(user, accounts);
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

}  // namespace

std::vector<SandboxMount> name_mounts(const NameFiles& names) {
  std::vector<SandboxMount> out;
  for (const auto& [own, target] :
       {std::pair{names.resolv_conf, "/etc/resolv.conf"}, std::pair{names.hosts, "/etc/hosts"}}) {
    std::error_code error;
    const fs::path real = own ? *own : fs::canonical(target, error);
    if (!error) out.push_back({.source = real, .target = target});
  }
  return out;
}

void set_variable(std::vector<std::string>& environment, std::string_view name, std::string value) {
  for (auto& entry : environment)
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
      entry = std::string(name) + "=" + std::move(value);
      return;
    }
  environment.push_back(std::string(name) + "=" + std::move(value));
}

std::vector<std::string> container_argv(const ImageConfig& config, const std::vector<std::string>& entrypoint,
                                        const std::vector<std::string>& command) {
  std::vector<std::string> argv =
      entrypoint.empty() ? config.entrypoint.value_or(std::vector<std::string>()) : entrypoint;
  // One empty word is how the API says "none".
  if (argv.size() == 1 && argv[0].empty()) argv.clear();
  const std::vector<std::string> own = config.command.value_or(std::vector<std::string>());
  const auto& arguments = command.empty() && entrypoint.empty() ? own : command;
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

std::vector<std::uint16_t> tcp_ports(const std::vector<std::string>& exposed) {
  std::vector<std::uint16_t> out;
  for (const auto& entry : exposed) {
    const std::size_t slash = entry.find('/');
    if (slash != std::string::npos && entry.substr(slash) != "/tcp") continue;
    const std::string range = entry.substr(0, slash);
    const std::size_t dash = range.find('-');
    const auto first = port_number(range.substr(0, dash));
    const auto last = dash == std::string::npos ? first : port_number(range.substr(dash + 1));
    if (!first || !last) continue;
    for (std::uint32_t port = *first; port <= *last && out.size() < kMaxPorts; ++port)
      out.push_back(static_cast<std::uint16_t>(port));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<void> set_user(SandboxSpec& spec, const std::string& user) {
  SCANGATE_TRY(const build::RunUser found, find_user(spec.root, user));
  spec.uid = found.owner.uid;
  spec.gid = found.owner.gid;
  spec.groups = found.groups;
  // As runtimes do for a process without HOME; an image without accounts gives root a home where tools expect it.
  if (!environment_value(spec.environment, "HOME"))
    set_variable(spec.environment, "HOME", spec.uid == 0 && found.home == "/" ? "/root" : found.home);
  return {};
}

Result<Container> make_container(Engine& engine, const ContainerImage& image, const std::vector<std::string>& command,
                                 std::vector<SandboxMount> mounts, const std::optional<fs::path>& kept_root,
                                 const Cancel& cancel, Progress& progress) {
  SCANGATE_TRY(Snapshots * snapshots, engine.snapshots());
  SCANGATE_TRY(const auto manifest, engine.store()->manifest(image.digest));
  SCANGATE_TRY(const auto config, engine.store()->config(manifest));
  SCANGATE_TRY(Workspace workspace, kept_root ? snapshots->mount_kept(config.diff_ids, *kept_root, cancel, progress)
                                              : snapshots->mount(config.diff_ids, cancel, progress));
  SandboxSpec spec;
  spec.root = workspace.root();
  spec.argv = container_argv(config, image.entrypoint, command);
  if (spec.argv.empty())
    return fail(Error(Fault::user, "the image names no command").remedy("give one with 'entrypoint' or 'command'"));
  spec.environment = config.environment;
  SCANGATE_CHECK(set_user(spec, image.user.empty() ? config.user : image.user));
  if (!config.working_directory.empty()) spec.directory = config.working_directory;
  spec.no_new_privileges = engine.settings().no_new_privileges;
  spec.mounts = std::move(mounts);
  for (const auto& mount : spec.mounts) {
    std::error_code ignored;
    const bool folder = mount.source.empty() || fs::is_directory(mount.source, ignored);
    SCANGATE_CHECK(
        workspace.add_mount_point(mount.target, folder ? Workspace::PointKind::directory : Workspace::PointKind::file));
  }
  for (const auto& point : sandbox_mount_points())
    SCANGATE_CHECK(workspace.add_mount_point(point, Workspace::PointKind::directory));
  return Container{
      .workspace = std::move(workspace), .spec = std::move(spec), .tcp_ports = tcp_ports(config.exposed_ports)};
}

}  // namespace scangate
