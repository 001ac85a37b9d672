#include "pipeline/build/bind_copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/text.h"

namespace scangate::build {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kPiece = 256U << 10U;
constexpr std::size_t kMostAtOnce = 64U << 20U;  // between two looks at cancel

Error trouble(const fs::path& path, int number) {
  return host_error("cannot write " + printable(path.string()), number);
}

Result<void> read_and_write(int from, int to, const fs::path& path, const Cancel& cancel) {
  std::vector<std::byte> piece(kPiece);
  for (;;) {
    if (cancel.cancelled()) return fail(cancelled_error());
    const ssize_t count = ::read(from, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(host_error("cannot read for " + printable(path.string()), errno));
    if (count == 0) return {};
    SCANGATE_CHECK(write_fd(to, Bytes(piece).first(static_cast<std::size_t>(count)), path.string()));
  }
}

Result<void> copy_content(int from, int to, const fs::path& path, const Cancel& cancel) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  for (;;) {
    if (cancel.cancelled()) return fail(cancelled_error());
    const ssize_t count = ::copy_file_range(from, nullptr, to, nullptr, kMostAtOnce, 0);
    if (count == 0) return {};
    if (count > 0 || errno == EINTR) continue;
    if (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EBADF) break;
    return fail(trouble(path, errno));
  }
  // The offsets of both stand where it stopped.
  return read_and_write(from, to, path, cancel);
}

struct Made {
  fs::path path;
  const PathNode* node;
};

Result<void> dress(const Made& made, CopyOwners owners) {
  const bool kept = owners == CopyOwners::kept;
  if (::lchown(made.path.c_str(), kept ? made.node->uid : 0, kept ? made.node->gid : 0) != 0)
    return fail(trouble(made.path, errno));
  if (made.node->type != EntryType::symlink && ::chmod(made.path.c_str(), made.node->mode & 07777U) != 0)
    return fail(trouble(made.path, errno));
  const timespec times[2] = {{.tv_sec = made.node->mtime_seconds, .tv_nsec = 0},
                             {.tv_sec = made.node->mtime_seconds, .tv_nsec = 0}};
  if (::utimensat(AT_FDCWD, made.path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return fail(trouble(made.path, errno));
  return {};
}

}  // namespace

Result<void> copy_selected(SourceTree& tree, const SelectedSource& selected, const fs::path& to, CopyOwners owners,
                           const Cancel& cancel) {
  std::vector<Made> folders;
  // Parents come before children, and every parent is a folder made here: no link is ever followed.
  for (const SelectedItem& each : selected.items) {
    if (cancel.cancelled()) return fail(cancelled_error());
    const PathNode& node = each.item.node;
    const Made made{each.relative.empty() ? to : to / each.relative, &node};
    switch (node.type) {
      case EntryType::directory:
        if (::mkdir(made.path.c_str(), 0700) != 0) return fail(trouble(made.path, errno));
        folders.push_back(made);
        continue;  // its time changes until all is in it
      case EntryType::symlink:
        if (::symlink(node.link_target.c_str(), made.path.c_str()) != 0) return fail(trouble(made.path, errno));
        break;
      case EntryType::file: {
        SCANGATE_TRY(const UniqueFd from, tree.open_file(each.item));
        SCANGATE_TRY(const UniqueFd file, open_file(made.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
        SCANGATE_CHECK(copy_content(from.get(), file.get(), made.path, cancel));
        break;
      }
      case EntryType::fifo:
        if (::mkfifo(made.path.c_str(), 0600) != 0) return fail(trouble(made.path, errno));
        break;
      default:
        continue;
    }
    SCANGATE_CHECK(dress(made, owners));
  }
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder)
    SCANGATE_CHECK(dress(*folder, owners));
  return {};
}

}  // namespace scangate::build
