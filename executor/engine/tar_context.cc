#include "executor/engine/tar_context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/archive/decompress.h"
#include "base/archive/tar.h"
#include "base/file.h"
#include "base/text.h"

namespace scangate {
namespace {

constexpr std::size_t kMaxDockerfileBytes = 16U << 20U;
// A tar header; its magic stands at 257. POSIX.1-2017 pax, "ustar Interchange Format".
constexpr std::size_t kTarBlock = 512;
constexpr std::size_t kMagicOffset = 257;

// Gives bytes that were already read before the rest.
class Pushback final : public ByteSource {
 public:
  Pushback(std::string head, ByteSource& rest) : head_(std::move(head)), rest_(rest) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (offset_ == head_.size()) return rest_.read(buffer);
    const std::size_t count = std::min(buffer.size(), head_.size() - offset_);
    const Bytes bytes = as_bytes(std::string_view(head_).substr(offset_, count));
    std::copy(bytes.begin(), bytes.end(), buffer.begin());
    offset_ += count;
    return count;
  }

 private:
  std::string head_;
  std::size_t offset_ = 0;
  ByteSource& rest_;
};

// At most `count` bytes; less only at the end.
Result<std::string> read_head(ByteSource& from, std::size_t count) {
  std::string out(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    SCANGATE_TRY(const std::size_t got, from.read(std::as_writable_bytes(std::span(out)).subspan(have)));
    if (got == 0) break;
    have += got;
  }
  out.resize(have);
  return out;
}

// An empty archive is two blocks of zeros, which has no magic.
bool looks_like_tar(std::string_view block) {
  return block.size() == kTarBlock &&
         (block.substr(kMagicOffset, 5) == "ustar" || block.find_first_not_of('\0') == std::string_view::npos);
}

class Unpacker {
 public:
  Unpacker(UniqueFd folder, std::string_view name, const Cancel& cancel)
      : folder_(std::move(folder)), name_(name), cancel_(cancel) {}

  Result<void> run(ByteSource& plain) {
    SCANGATE_TRY(TarReader tar, TarReader::open(plain, name_));
    for (std::size_t count = 0;; ++count) {
      if (cancel_.cancelled()) return fail(cancelled_error());
      SCANGATE_TRY(const TarEntry* entry, tar.next());
      if (entry == nullptr) break;
      if (count >= kMaxContextEntries)
        return wrong(fmt::format("it has more than the allowed {} entries", kMaxContextEntries));
      SCANGATE_CHECK(put(*entry, tar));
    }
    return {};
  }

 private:
  tl::unexpected<Error> wrong(std::string cause) const { return fail(Error(Fault::user, std::move(cause)).at(name_)); }

  // The names of a path; nullopt when it climbs out.
  static std::optional<std::vector<std::string>> names_of(std::string_view path) {
    std::vector<std::string> out;
    for (std::string& name : split(path, '/')) {
      if (name.empty() || name == ".") continue;
      if (name == "..") return std::nullopt;
      out.push_back(std::move(name));
    }
    return out;
  }

  // The folder that holds the last name, made when missing; symlinks of the archive resolve inside the context.
  Result<UniqueFd> parent_of(const std::vector<std::string>& names) const {
    std::string path = ".";
    for (std::size_t i = 0; i + 1 < names.size(); ++i) {
      const std::string above = path;
      path += "/" + names[i];
      if (open_in_root(folder_.get(), path, O_PATH | O_DIRECTORY)) continue;
      SCANGATE_TRY(const UniqueFd base, open_in_root(folder_.get(), above, O_PATH | O_DIRECTORY));
      if (mkdirat(base.get(), names[i].c_str(), 0755) != 0 && errno != EEXIST)
        return fail(host_error(fmt::format("cannot make the context's folder {}", printable(path)), errno));
    }
    return open_in_root(folder_.get(), path, O_PATH | O_DIRECTORY);
  }

  Result<void> put(const TarEntry& entry, TarReader& tar) {
    const auto names = names_of(entry.path);
    if (!names) return wrong(fmt::format("'{}' leads outside", printable(entry.path)));
    if (names->empty()) return {};  // the context itself
    SCANGATE_TRY(const UniqueFd parent, parent_of(*names));
    const char* name = names->back().c_str();
    const auto failed = [&](int error) {
      return fail(host_error(fmt::format("cannot unpack '{}' of the build context", printable(entry.path)), error));
    };
    const auto mode = static_cast<mode_t>(entry.mode & 07777U);
    if (entry.type == TarType::directory) {
      if (mkdirat(parent.get(), name, 0755) != 0 && errno != EEXIST) return failed(errno);
      SCANGATE_TRY(const UniqueFd made, open_in_root(parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      if (fchmod(made.get(), mode | 0700U) != 0) return failed(errno);
      return {};
    }
    if (unlinkat(parent.get(), name, 0) != 0 && errno != ENOENT) return failed(errno);
    switch (entry.type) {
      case TarType::file:
        return put_file(parent.get(), name, mode, tar);
      case TarType::symlink:
        return symlinkat(entry.link_target.c_str(), parent.get(), name) == 0 ? Result<void>() : failed(errno);
      case TarType::hardlink: {
        const auto target = names_of(entry.link_target);
        if (!target || target->empty()) return wrong(fmt::format("'{}' links outside", printable(entry.path)));
        SCANGATE_TRY(const UniqueFd from, parent_of(*target));
        if (linkat(from.get(), target->back().c_str(), parent.get(), name, 0) != 0) return failed(errno);
        return {};
      }
      default:
        return wrong(fmt::format("'{}' is a device or pipe, which no context has", printable(entry.path)));
    }
  }

  Result<void> put_file(int parent, const char* name, mode_t mode, TarReader& tar) {
    const UniqueFd file(openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return fail(host_error(fmt::format("cannot unpack '{}' of the build context", printable(name)), errno));
    std::array<std::byte, 65536> buffer{};
    for (;;) {
      if (cancel_.cancelled()) return fail(cancelled_error());
      SCANGATE_TRY(const std::size_t count, tar.read(buffer));
      if (count == 0) break;
      written_ += count;
      if (written_ > kMaxContextBytes) return wrong(fmt::format("it is larger than {}", human_bytes(kMaxContextBytes)));
      SCANGATE_CHECK(write_fd(file.get(), std::span(buffer).first(count), name));
    }
    // Not the archive's setuid bits: the files are on the host's disk.
    if (fchmod(file.get(), mode & 0777U) != 0)
      return fail(host_error(fmt::format("cannot unpack '{}' of the build context", printable(name)), errno));
    return {};
  }

  UniqueFd folder_;
  std::string name_;
  Cancel cancel_;
  std::uint64_t written_ = 0;
};

}  // namespace

Result<std::optional<std::string>> take_tar_context(ByteSource& from, std::string_view name,
                                                    const std::filesystem::path& folder, const Cancel& cancel) {
  const auto plain = decompressed(from, std::string(name), kMaxContextBytes, Allowed::archives);
  SCANGATE_TRY(std::string head, read_head(*plain, kTarBlock));
  const bool is_tar = looks_like_tar(head);
  Pushback all(std::move(head), *plain);
  if (!is_tar) {
    SCANGATE_TRY(std::string text, read_all(all, kMaxDockerfileBytes));
    if (!is_utf8(text)) return fail(Fault::user, fmt::format("{} is neither a tar nor a Dockerfile", name));
    return std::optional(std::move(text));
  }
  SCANGATE_TRY(UniqueFd root, open_file(folder, O_RDONLY | O_DIRECTORY));
  SCANGATE_CHECK(Unpacker(std::move(root), name, cancel).run(all));
  return std::nullopt;
}

}  // namespace scangate
