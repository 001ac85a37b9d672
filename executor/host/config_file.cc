#include "executor/host/config_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "executor/host/toml.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// In place under its final name only with its owner set: the runner must be able to read it at any moment.
Result<void> write_as(const fs::path& path, std::string_view text, mode_t mode, uid_t uid, gid_t gid) {
  const fs::path fresh = path.string() + ".scangate.new";
  SCANGATE_CHECK(write_file_atomic(fresh, as_bytes(text), mode, Sync::file_and_folder));
  struct stat now{};
  if (::stat(fresh.c_str(), &now) != 0) return fail(host_error("cannot look at " + fresh.string(), errno));
  const auto give_up = [&](std::string_view what, int number) -> Result<void> {
    ::unlink(fresh.c_str());
    return fail(host_error(fmt::format("{} {}", what, path.string()), number));
  };
  // A change of owner clears set-id bits, which no such file has.
  if ((now.st_uid != uid || now.st_gid != gid) && ::chown(fresh.c_str(), uid, gid) != 0)
    return give_up("cannot keep the owner of", errno);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return give_up("cannot replace", errno);
  return {};
}

}  // namespace

Result<fs::path> replace_config_file(const fs::path& path, std::string_view text) {
  std::error_code ignored;
  const fs::path real = fs::weakly_canonical(path, ignored);
  const fs::path target = ignored ? path : real;
  struct stat old{};
  if (::stat(target.c_str(), &old) != 0) {
    if (errno != ENOENT) return fail(host_error("cannot look at " + target.string(), errno));
    SCANGATE_CHECK(make_directories(target.parent_path(), 0700));
    SCANGATE_CHECK(write_file_atomic(target, as_bytes(text), 0600, Sync::file_and_folder));
    return fs::path();
  }
  if (!S_ISREG(old.st_mode)) return fail(Fault::host, target.string() + " is no file");
  const mode_t mode = old.st_mode & 07777;
  const fs::path backup = target.string() + ".scangate.bak";
  SCANGATE_TRY(const std::string former, read_file(target, toml::kMaxTomlBytes));
  SCANGATE_CHECK(write_as(backup, former, mode, old.st_uid, old.st_gid));
  SCANGATE_CHECK(write_as(target, text, mode, old.st_uid, old.st_gid));
  return backup;
}

}  // namespace scangate
