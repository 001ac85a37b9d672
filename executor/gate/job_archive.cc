#include "executor/gate/job_archive.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/text.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

using Kind = command::ImageLocation::Kind;

constexpr std::size_t kCopyBytes = 1U << 20U;

std::string transport(Kind kind) {
  if (kind == Kind::docker_archive) return "docker-archive:";
  return kind == Kind::oci ? "oci:" : "oci-archive:";
}

Error no_file(const command::ImageLocation& location) {
  return Error(Fault::user, fmt::format("'{}' is no file of the job", printable(location.text)));
}

Result<void> copy_file(const fs::path& from, int to_fd, const std::string& name, const Cancel& cancel) {
  SCANGATE_TRY(UniqueFd source_fd, open_file(from, O_RDONLY));
  FdSource source(std::move(source_fd), from.string());
  std::vector<std::byte> buffer(kCopyBytes);
  for (;;) {
    if (cancel.cancelled()) return fail(cancelled_error());
    SCANGATE_TRY(const std::size_t count, source.read(buffer));
    if (count == 0) return {};
    SCANGATE_CHECK(write_fd(to_fd, Bytes(buffer).first(count), name));
  }
}

// A folder below `parent` (a descriptor of the job's), made when missing; a symlink is refused.
Result<UniqueFd> folder_in(int parent, const std::string& name) {
  if (mkdirat(parent, name.c_str(), 0755) != 0 && errno != EEXIST)
    return fail(host_error("cannot make the folder " + printable(name), errno));
  UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail(host_error("cannot open the folder " + printable(name), errno));
  return fd;
}

Result<void> file_in(int parent, const std::string& name, const fs::path& from, const Cancel& cancel) {
  // Blobs are named by their content: one that is there stays what it is, and is never written through.
  const UniqueFd fd(openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd && errno == EEXIST) return {};
  if (!fd) return fail(host_error("cannot write " + printable(name), errno));
  return copy_file(from, fd.get(), name, cancel);
}

Result<void> copy_layout(GateCall& call, const fs::path& from, const std::string& path) {
  const std::string absolute = call.files.absolute(path);
  const fs::path target(absolute.ends_with('/') ? absolute.substr(0, absolute.size() - 1) : absolute);
  auto parent = call.files.open_folder(target.parent_path().string());
  if (!parent) return fail(Error(Fault::user, fmt::format("the folder of '{}' is not there", printable(path))));
  SCANGATE_TRY(const UniqueFd layout, folder_in(parent->get(), target.filename().string()));
  if (faccessat(layout.get(), "index.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return fail(Error(Fault::user, fmt::format("'{}' holds images already", printable(path)))
                    .remedy("several images in one layout are not supported yet; name a new folder"));
  SCANGATE_TRY(const UniqueFd blobs, folder_in(layout.get(), "blobs"));
  SCANGATE_TRY(const UniqueFd sha256, folder_in(blobs.get(), "sha256"));
  for (const auto& entry : fs::directory_iterator(from / "blobs/sha256"))
    SCANGATE_CHECK(file_in(sha256.get(), entry.path().filename().string(), entry.path(), call.cancel));
  for (const char* name : {"oci-layout", "index.json"})
    SCANGATE_CHECK(file_in(layout.get(), name, from / name, call.cancel));
  return {};
}

}  // namespace

Result<Imported> import_from_job(GateCall& call, Store& store, const command::ImageLocation& from,
                                 const std::optional<Platform>& platform, Progress& progress) {
  if (from.kind == Kind::registry || from.kind == Kind::store) return fail(no_file(from));
  auto opened = from.kind == Kind::oci ? call.files.open_folder(from.path) : call.files.open_file(from.path);
  if (!opened) return fail(Error(Fault::user, fmt::format("'{}': {}", printable(from.text), opened.error().cause())));
  // By our own descriptor: it stays what it was opened as, whatever the job renames meanwhile.
  const std::string source = fmt::format("{}/proc/self/fd/{}{}{}", transport(from.kind), opened->get(),
                                         from.name.empty() ? "" : ":", from.name);
  auto imported = platform ? import_image(store, source, *platform, call.cancel, progress)
                           : import_all(store, source, call.cancel, progress);
  if (!imported) return fail(std::move(imported).error().during("reading " + printable(from.text)));
  return imported;
}

Result<void> export_to_job(GateCall& call, Store& store, const Digest& manifest_digest, const std::string& name,
                           const command::ImageLocation& to, Progress& progress) {
  if (to.kind == Kind::registry || to.kind == Kind::store) return fail(no_file(to));
  SCANGATE_TRY(const TempDir work, store.make_work_folder("export-"));
  const fs::path made = work.path() / "image";
  const std::string target =
      fmt::format("{}{}{}{}", transport(to.kind), made.string(), to.name.empty() ? "" : ":", to.name);
  SCANGATE_CHECK(export_image(store, manifest_digest, name, target, call.cancel, progress));
  if (to.kind == Kind::oci) return copy_layout(call, made, to.path);
  SCANGATE_TRY(const UniqueFd file, call.files.create(to.path));
  return copy_file(made, file.get(), to.path, call.cancel);
}

}  // namespace scangate
