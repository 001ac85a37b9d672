#include "base/archive/tar.h"

#include <cerrno>
#include <optional>
#include <vector>

#include "base/archive/libarchive.h"
#include "base/text.h"

namespace scangate {

struct TarReader::State {
  explicit State(ByteSource& source) : from(source) {}
  ByteSource& from;
  std::string shown;
  Utf8Locale locale;
  std::vector<std::byte> buffer = std::vector<std::byte>(1U << 18U);
  std::optional<Error> source_error;
  ArchiveHandle handle;
  TarEntry entry;

  static la_ssize_t give(archive* handle, void* client, const void** block);
  tl::unexpected<Error> wrong(std::string_view what);
  Result<void> take(archive_entry* raw);
};

la_ssize_t TarReader::State::give(archive* handle, void* client, const void** block) {
  State& state = *static_cast<State*>(client);
  auto count = state.from.read(state.buffer);
  if (!count) {
    archive_set_error(handle, EIO, "the source failed");
    state.source_error = std::move(count).error();
    return -1;
  }
  *block = state.buffer.data();
  return static_cast<la_ssize_t>(*count);
}

tl::unexpected<Error> TarReader::State::wrong(std::string_view what) {
  if (source_error) return fail(std::move(*source_error));
  return fail(Error(Fault::user, fmt::format("{}: {}", what, archive_text(handle.get()))).at(shown));
}

Result<void> TarReader::State::take(archive_entry* raw) {
  entry = {};
  entry.path = entry_bytes<archive_entry_pathname, archive_entry_pathname_utf8>(raw);
  entry.mode = static_cast<std::uint32_t>(archive_entry_perm(raw));
  entry.uid = archive_entry_uid(raw);
  entry.gid = archive_entry_gid(raw);
  entry.mtime_seconds = archive_entry_mtime(raw);
  const auto unsupported = [&](std::string_view kind) {
    return fail(Error(Fault::user, fmt::format("entry '{}' is {}", printable(entry.path), kind)).at(shown));
  };
  std::string hardlink = entry_bytes<archive_entry_hardlink, archive_entry_hardlink_utf8>(raw);
  if (!hardlink.empty()) {
    entry.type = TarType::hardlink;
    entry.link_target = std::move(hardlink);
  } else {
    switch (archive_entry_filetype(raw)) {
      case AE_IFREG:
        entry.type = TarType::file;
        if (archive_entry_size_is_set(raw) != 0) {
          if (archive_entry_size(raw) < 0) return unsupported("a file of negative size");
          entry.size_bytes = static_cast<std::uint64_t>(archive_entry_size(raw));
        }
        break;
      case AE_IFDIR:
        entry.type = TarType::directory;
        break;
      case AE_IFLNK:
        entry.type = TarType::symlink;
        entry.link_target = entry_bytes<archive_entry_symlink, archive_entry_symlink_utf8>(raw);
        break;
      case AE_IFCHR:
        entry.type = TarType::character_device;
        break;
      case AE_IFBLK:
        entry.type = TarType::block_device;
        break;
      case AE_IFIFO:
        entry.type = TarType::fifo;
        break;
      default:
        return unsupported("of a type that tar does not define");
    }
  }
  if (entry.type == TarType::character_device || entry.type == TarType::block_device) {
    entry.device_major = static_cast<std::uint64_t>(archive_entry_rdevmajor(raw));
    entry.device_minor = static_cast<std::uint64_t>(archive_entry_rdevminor(raw));
  }
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  archive_entry_xattr_reset(raw);
  while (archive_entry_xattr_next(raw, &name, &value, &size) == ARCHIVE_OK)
    entry.xattrs.insert_or_assign(name, std::string(static_cast<const char*>(value), size));
  return {};
}

TarReader::TarReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TarReader::TarReader(TarReader&&) noexcept = default;
TarReader& TarReader::operator=(TarReader&&) noexcept = default;
TarReader::~TarReader() = default;

Result<TarReader> TarReader::open(ByteSource& from, std::string_view name) {
  auto state = std::make_unique<State>(from);
  state->shown = name;
  state->handle.reset(archive_read_new());
  archive* handle = state->handle.get();
  if (handle == nullptr) return fail(Fault::host, "cannot create an archive reader: out of memory");
  // Nothing else: with all formats on, a plain text file was taken for an mtree archive (libarchive/libarchive#1051).
  if (archive_read_support_format_tar(handle) != ARCHIVE_OK || archive_read_support_format_empty(handle) != ARCHIVE_OK)
    return fail(Fault::host, "cannot read tar streams: " + archive_text(handle));
  const Utf8Locale::Use utf8(state->locale);
  if (archive_read_open(handle, state.get(), nullptr, &State::give, nullptr) != ARCHIVE_OK)
    return state->wrong("not a tar archive");
  return TarReader(std::move(state));
}

Result<const TarEntry*> TarReader::next() {
  State& state = *state_;
  const Utf8Locale::Use utf8(state.locale);
  archive_entry* raw = nullptr;
  const int status = archive_read_next_header(state.handle.get(), &raw);
  if (status == ARCHIVE_EOF) return nullptr;
  if (status == ARCHIVE_WARN) {
    // A name in a pax record that is not UTF-8 still comes through as bytes. Everything else libarchive warns about is
    // a record it had to ignore: other readers would see another file than we do.
    if (archive_text(state.handle.get()).find("be converted") == std::string::npos)
      return state.wrong("the tar archive is damaged");
  } else if (status != ARCHIVE_OK) {
    return state.wrong("not a whole tar archive");
  }
  SCANGATE_CHECK(state.take(raw));
  return &state.entry;
}

Result<std::size_t> TarReader::read(std::span<std::byte> buffer) {
  State& state = *state_;
  const Utf8Locale::Use utf8(state.locale);
  const la_ssize_t count = archive_read_data(state.handle.get(), buffer.data(), buffer.size());
  if (count < 0) return state.wrong(fmt::format("entry '{}' is damaged", printable(state.entry.path)));
  return static_cast<std::size_t>(count);
}

}  // namespace scangate
