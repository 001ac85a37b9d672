#include "pipeline/image/archive_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "pipeline/image/tar_writer.h"

namespace scangate {

Result<ArchiveFile> ArchiveFile::create(const std::filesystem::path& path) {
  std::string name = (path.parent_path() / ("." + path.filename().string() + ".XXXXXX")).string();
  UniqueFd fd(mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return fail(host_error("cannot create " + path.string(), errno));
  return ArchiveFile(std::move(fd), name, path);
}

ArchiveFile::~ArchiveFile() {
  if (fd_) ::unlink(temporary_.c_str());
}

Result<void> ArchiveFile::put(Bytes bytes) {
  return write_fd(fd_.get(), bytes, path_.string());
}

Result<std::string> ArchiveFile::header(const std::string& name, std::uint64_t size_bytes) const {
  return tar_header(Entry{.path = name, .mode = 0644, .size_bytes = size_bytes});
}

Result<void> ArchiveFile::add_text(const std::string& name, std::string_view text) {
  StringSource content{std::string(text)};
  return add(name, text.size(), content);
}

Result<void> ArchiveFile::add(const std::string& name, std::uint64_t size_bytes, ByteSource& content) {
  SCANGATE_TRY(const std::string head, header(name, size_bytes));
  SCANGATE_CHECK(put(as_bytes(head)));
  FdSink sink(UniqueFd(dup(fd_.get())), path_.string());
  SCANGATE_TRY(const std::uint64_t got, copy_bytes(content, sink));
  if (got != size_bytes)
    return fail(Fault::host, fmt::format("'{}' has {} bytes, {} were expected", name, got, size_bytes));
  return put(as_bytes(std::string(tar_padding(size_bytes), '\0')));
}

Result<void> ArchiveFile::add_of_unknown_size(const std::string& name, ByteSource& content) {
  const off_t at = lseek(fd_.get(), 0, SEEK_CUR);
  if (at < 0) return fail(host_error("cannot seek in " + path_.string(), errno));
  SCANGATE_CHECK(put(as_bytes(std::string(kTarBlock, '\0'))));
  FdSink sink(UniqueFd(dup(fd_.get())), path_.string());
  SCANGATE_TRY(const std::uint64_t size_bytes, copy_bytes(content, sink));
  SCANGATE_CHECK(put(as_bytes(std::string(tar_padding(size_bytes), '\0'))));
  SCANGATE_TRY(const std::string head, header(name, size_bytes));
  if (head.size() != kTarBlock)
    return fail(
        Error(Fault::user, fmt::format("'{}' has {} bytes, more than this archive form can hold", name, size_bytes))
            .at(path_.string())
            .remedy("export to oci-archive instead"));
  if (pwrite(fd_.get(), head.data(), head.size(), at) != static_cast<ssize_t>(head.size()))
    return fail(host_error("cannot write " + path_.string(), errno));
  return {};
}

Result<void> ArchiveFile::finish() {
  SCANGATE_CHECK(put(as_bytes(std::string(2 * kTarBlock, '\0'))));
  if (fchmod(fd_.get(), 0644) != 0) return fail(host_error("cannot set the mode of " + path_.string(), errno));
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    return fail(host_error("cannot replace " + path_.string(), errno));
  fd_.reset();
  return {};
}

}  // namespace scangate
