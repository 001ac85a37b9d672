#include "base/archive/filtered.h"

#include <cerrno>
#include <optional>
#include <vector>

#include "base/archive/libarchive.h"

namespace scangate {
namespace {

class FilteredSource final : public ByteSource {
 public:
  FilteredSource(ByteSource& from, std::string name) : from_(from), name_(std::move(name)) {}

  Result<void> open(Packing packing) {
    handle_.reset(archive_read_new());
    archive* handle = handle_.get();
    if (handle == nullptr) return fail(Fault::host, "cannot decompress: out of memory");
    // A warning would mean that an external program takes the place of the library.
    const int filter =
        packing == Packing::xz ? archive_read_support_filter_xz(handle) : archive_read_support_filter_bzip2(handle);
    if (filter != ARCHIVE_OK || archive_read_support_format_raw(handle) != ARCHIVE_OK ||
        archive_read_support_format_empty(handle) != ARCHIVE_OK)
      return fail(Fault::host, fmt::format("cannot decompress {} on this host", packing_name(packing)));
    if (archive_read_open(handle, this, nullptr, &FilteredSource::give, nullptr) != ARCHIVE_OK) return wrong();
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(handle, &entry);
    ended_ = status == ARCHIVE_EOF;
    if (status != ARCHIVE_OK && !ended_) return wrong();
    return {};
  }

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (ended_) return 0;
    const la_ssize_t count = archive_read_data(handle_.get(), buffer.data(), buffer.size());
    if (count < 0) return wrong();
    return static_cast<std::size_t>(count);
  }

 private:
  static la_ssize_t give(archive* handle, void* client, const void** block) {
    FilteredSource& source = *static_cast<FilteredSource*>(client);
    auto count = source.from_.read(source.buffer_);
    if (!count) {
      archive_set_error(handle, EIO, "the source failed");
      source.error_ = std::move(count).error();
      return -1;
    }
    *block = source.buffer_.data();
    return static_cast<la_ssize_t>(*count);
  }

  tl::unexpected<Error> wrong() {
    if (error_) return fail(std::move(*error_));
    return fail(Error(Fault::user, "the compressed stream is damaged: " + archive_text(handle_.get())).at(name_));
  }

  ByteSource& from_;
  std::string name_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(1U << 17U);
  std::optional<Error> error_;
  bool ended_ = false;
  ArchiveHandle handle_;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> open_filtered(ByteSource& from, Packing packing, const std::string& name) {
  auto source = std::make_unique<FilteredSource>(from, name);
  SCANGATE_CHECK(source->open(packing));
  return source;
}

}  // namespace scangate
