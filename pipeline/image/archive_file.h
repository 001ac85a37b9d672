#pragma once
// A tar archive that is being written to a file. Private to this folder.
#include <filesystem>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/file.h"

namespace scangate {

// Written beside its name and put there by finish(); dropped without it, nothing is left. Times and owners are zero.
class ArchiveFile {
 public:
  static Result<ArchiveFile> create(const std::filesystem::path& path);
  ArchiveFile(ArchiveFile&& other) noexcept = default;
  ArchiveFile& operator=(ArchiveFile&&) = delete;
  ~ArchiveFile();

  Result<void> add_text(const std::string& name, std::string_view text);
  Result<void> add(const std::string& name, std::uint64_t size_bytes, ByteSource& content);
  // For content whose size is only known at its end. Fails when it comes to more than ustar can say, 8 GiB.
  Result<void> add_of_unknown_size(const std::string& name, ByteSource& content);
  Result<void> finish();

 private:
  ArchiveFile(UniqueFd fd, std::filesystem::path temporary, std::filesystem::path path)
      : fd_(std::move(fd)), temporary_(std::move(temporary)), path_(std::move(path)) {}
  Result<void> put(Bytes bytes);
  Result<std::string> header(const std::string& name, std::uint64_t size_bytes) const;

  UniqueFd fd_;
  std::filesystem::path temporary_;
  std::filesystem::path path_;
};

}  // namespace scangate
