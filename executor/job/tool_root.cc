#include "executor/job/tool_root.h"

#include <fcntl.h>

#include <array>

#include "base/file.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr std::array<const char*, 7> kProgramFolders = {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"};

// What name lookup, TLS and the dynamic loader read. Deliberately short: /etc also holds runner tokens and keys.
constexpr std::array<const char*, 20> kEtc = {
    "passwd",      "group",       "nsswitch.conf",   "resolv.conf", "hosts",    "host.conf", "gai.conf", "localtime", "timezone",       "ssl/certs",
    "ssl/openssl.cnf", "ca-certificates", "ca-certificates.conf", "alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "protocols", "services", "mime.types"};

constexpr std::array<const char*, 5> kWritable = {"tmp", "var/tmp", "run", "root", "home"};

Result<void> make_file(const fs::path& path) {
  SCANGATE_CHECK(make_directories(path.parent_path()));
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(path, ignored))) return {};
  SCANGATE_TRY(const UniqueFd fd, open_file(path, O_WRONLY | O_CREAT | O_NOFOLLOW));
  return {};
}

}  // namespace

Result<void> add_tool_root_point(const ToolRoot& root, const SandboxMount& mount) {
  const fs::path point = root.root / fs::path(mount.target).relative_path();
  std::error_code ignored;
  if (mount.source.empty() || fs::is_directory(mount.source, ignored)) return make_directories(point);
  return make_file(point);
}

Result<ToolRoot> make_tool_root(const fs::path& folder) {
  ToolRoot out{.root = folder};
  SCANGATE_CHECK(make_directories(folder));
  const auto add = [&](SandboxMount mount) -> Result<void> {
    SCANGATE_CHECK(add_tool_root_point(out, mount));
    out.mounts.push_back(std::move(mount));
    return {};
  };
  std::error_code error;
  for (const char* name : kProgramFolders) {
    const fs::path host = fs::path("/") / name;
    const auto status = fs::symlink_status(host, error);
    if (fs::is_symlink(status)) {
      const fs::path link = folder / name;
      if (!fs::exists(fs::symlink_status(link, error))) {
        fs::create_symlink(fs::read_symlink(host, error), link, error);
        if (error) return fail(host_error("cannot make " + link.string(), error.value()));
      }
    } else if (fs::is_directory(status)) {
      SCANGATE_CHECK(add({.source = host, .target = host.string()}));
    }
  }
  for (const char* name : kEtc) {
    const fs::path host = fs::path("/etc") / name;
    // A symlink (localtime, resolv.conf) is followed here, on the host's side, and mounted as what it leads to.
    const fs::path real = fs::canonical(host, error);
    if (!error) SCANGATE_CHECK(add({.source = real, .target = host.string()}));
  }
  for (const char* name : kWritable)
    SCANGATE_CHECK(add({.source = {}, .target = "/" + std::string(name), .read_only = false}));
  const fs::path run_link = folder / "var/run";
  if (!fs::exists(fs::symlink_status(run_link, error))) fs::create_symlink("/run", run_link, error);
  for (const auto& point : sandbox_mount_points()) SCANGATE_CHECK(make_directories(folder / fs::path(point).relative_path()));
  return out;
}

}  // namespace scangate
