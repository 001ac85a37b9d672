#include "base/archive/zip.h"

#include <fcntl.h>

#include "base/archive/libarchive.h"
#include "base/file.h"

namespace scangate {

struct ZipReader::State {
  UniqueFd fd;
  Utf8Locale locale;
  ArchiveHandle handle;
  std::string shown;
  ZipCaps caps;
  std::size_t entries = 0;
  std::uint64_t total_bytes = 0;
  std::string name;
  std::string content;

  tl::unexpected<Error> wrong(std::string cause) const { return fail(Error(Fault::user, std::move(cause)).at(shown)); }
  Result<void> read_content();
};

Result<void> ZipReader::State::read_content() {
  content.clear();
  constexpr std::size_t kPiece = 1U << 16U;
  for (;;) {
    const std::size_t had = content.size();
    content.resize(std::max(content.capacity(), had + kPiece));
    const la_ssize_t count = archive_read_data(handle.get(), content.data() + had, content.size() - had);
    content.resize(had + (count > 0 ? static_cast<std::size_t>(count) : 0));
    if (count < 0) return wrong(fmt::format("entry '{}' is damaged: {}", name, archive_text(handle.get())));
    if (content.size() > caps.entry_bytes)
      return wrong(fmt::format("entry '{}' is larger than the allowed {} bytes", name, caps.entry_bytes));
    total_bytes += static_cast<std::uint64_t>(count);
    if (total_bytes > caps.total_bytes)
      return wrong(fmt::format("its content is larger than the allowed {} bytes", caps.total_bytes));
    if (count == 0) return {};
  }
}

ZipReader::ZipReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ZipReader::ZipReader(ZipReader&&) noexcept = default;
ZipReader& ZipReader::operator=(ZipReader&&) noexcept = default;
ZipReader::~ZipReader() = default;

Result<ZipReader> ZipReader::open(const std::filesystem::path& path, const ZipCaps& caps) {
  auto state = std::make_unique<State>();
  state->shown = path.string();
  state->caps = caps;
  SCANGATE_TRY(state->fd, open_file(path, O_RDONLY));
  state->handle.reset(archive_read_new());
  if (!state->handle) return fail(Fault::host, "cannot create an archive reader: out of memory");
  archive* handle = state->handle.get();
  // The seekable reader goes by the central directory; the streaming one would take the bytes in front of a
  // self-extracting archive's first entry for damage.
  if (archive_read_support_format_zip_seekable(handle) != ARCHIVE_OK)
    return fail(Fault::host, "cannot read zip files: " + archive_text(handle));
  if (archive_read_open_fd(handle, state->fd.get(), 1U << 16U) != ARCHIVE_OK)
    return state->wrong("not a zip file: " + archive_text(handle));
  return ZipReader(std::move(state));
}

Result<std::optional<ZipEntry>> ZipReader::next() {
  State& state = *state_;
  const Utf8Locale::Use utf8(state.locale);
  for (;;) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(state.handle.get(), &entry);
    if (status == ARCHIVE_EOF) return std::nullopt;
    // ARCHIVE_WARN comes for names that the locale cannot show; the bytes are still there.
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
      return state.wrong(fmt::format("{}: {}", state.entries == 0 ? "not a zip file" : "the zip file is damaged",
                                     archive_text(state.handle.get())));
    if (++state.entries > state.caps.entries)
      return state.wrong(fmt::format("it holds more than the allowed {} entries", state.caps.entries));
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    state.name = entry_bytes<archive_entry_pathname, archive_entry_pathname_utf8>(entry);
    if (archive_entry_is_data_encrypted(entry) != 0)
      return state.wrong(fmt::format("entry '{}' is encrypted", state.name));
    SCANGATE_CHECK(state.read_content());
    return ZipEntry{state.name, state.content};
  }
}

}  // namespace scangate
