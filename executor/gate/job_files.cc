#include "executor/gate/job_files.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// How often a waiting stream looks whether its command was cancelled.
constexpr int kPollMs = 200;
// What a pipe takes without blocking once poll(2) says that it is writable: one page (pipe(7), PIPE_BUF).
constexpr std::size_t kPieceBytes = 4096;

// Waits until `fd` is ready for `events`; Errors: stopped on request.
Result<void> wait_for(int fd, short events, const Cancel& cancel) {
  for (;;) {
    if (cancel.cancelled()) return fail(cancelled_error());
    pollfd wait{fd, events, 0};
    const int ready = poll(&wait, 1, kPollMs);
    if (ready < 0 && errno != EINTR) return fail(host_error("cannot wait for a stream of the job", errno));
    if (ready > 0) return {};
  }
}

Result<void> must_be_plain(int fd, std::string_view path) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return fail(host_error(fmt::format("cannot look at {}", printable(path)), errno));
  if (!S_ISREG(status.st_mode)) return fail(Fault::user, fmt::format("'{}' is no plain file", printable(path)));
  return {};
}

}  // namespace

std::string JobFiles::absolute(std::string_view path) const {
  return (fs::path(directory_) / path).lexically_normal().string();
}

Result<UniqueFd> JobFiles::open_folder(std::string_view path) const {
  return open_in_root(root_fd_, absolute(path), O_RDONLY | O_DIRECTORY);
}

Result<UniqueFd> JobFiles::make_folder(std::string_view path) const {
  const std::filesystem::path whole = absolute(path);
  UniqueFd folder;
  std::filesystem::path so_far;
  for (const auto& part : whole) {
    so_far /= part;
    auto next = open_folder(so_far.string());
    if (!next && folder && mkdirat(folder.get(), part.c_str(), 0755) == 0) next = open_folder(so_far.string());
    if (!next) return next;
    folder = std::move(*next);
  }
  return folder;
}

Result<UniqueFd> JobFiles::open_file(std::string_view path) const {
  SCANGATE_TRY(UniqueFd fd, open_in_root(root_fd_, absolute(path), O_RDONLY | O_NONBLOCK | O_NOCTTY));
  SCANGATE_CHECK(must_be_plain(fd.get(), path));
  return fd;
}

Result<UniqueFd> JobFiles::open_socket(std::string_view path) const {
  SCANGATE_TRY(UniqueFd fd, open_in_root(root_fd_, absolute(path), O_PATH));
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return fail(host_error(fmt::format("cannot look at {}", printable(path)), errno));
  if (!S_ISSOCK(status.st_mode)) return UniqueFd();
  return fd;
}

Result<std::string> JobFiles::read(std::string_view path, std::size_t cap_bytes) const {
  SCANGATE_TRY(const UniqueFd fd, open_file(path));
  return read_fd(fd.get(), cap_bytes, path);
}

Result<std::optional<std::string>> JobFiles::read_if_there(std::string_view path, std::size_t cap_bytes) const {
  if (!exists(path)) return std::nullopt;
  SCANGATE_TRY(std::string text, read(path, cap_bytes));
  return std::optional(std::move(text));
}

bool JobFiles::exists(std::string_view path) const {
  return open_in_root(root_fd_, absolute(path), O_PATH).has_value();
}

Result<UniqueFd> JobFiles::create(std::string_view path) const {
  SCANGATE_TRY(UniqueFd fd, open_in_root(root_fd_, absolute(path), O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, 0644));
  SCANGATE_CHECK(must_be_plain(fd.get(), path));
  if (ftruncate(fd.get(), 0) != 0) return fail(host_error(fmt::format("cannot empty {}", printable(path)), errno));
  return fd;
}

Result<void> JobFiles::write(std::string_view path, std::string_view text) const {
  SCANGATE_TRY(const UniqueFd fd, create(path));
  return write_fd(fd.get(), as_bytes(text), path);
}

Result<std::size_t> JobInput::read(std::span<std::byte> buffer) {
  for (;;) {
    SCANGATE_CHECK(wait_for(fd_, POLLIN, cancel_));
    const ssize_t count = ::read(fd_, buffer.data(), buffer.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    // EAGAIN: another process of the job took what poll saw.
    if (errno != EINTR && errno != EAGAIN) return fail(host_error("cannot read " + name_, errno));
  }
}

Result<void> JobOutput::write(Bytes bytes) {
  while (!bytes.empty()) {
    SCANGATE_CHECK(wait_for(fd_, POLLOUT, cancel_));
    const ssize_t count = ::write(fd_, bytes.data(), std::min(bytes.size(), kPieceBytes));
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return fail(host_error("cannot write " + name_, errno));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace scangate
