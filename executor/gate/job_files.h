#pragma once
// Files that a command of the job names, reached the only way the gate may: below the job's own root. A symlink of the
// job cannot lead out, and what is no plain file (a pipe that nobody writes to, a device) cannot make the gate wait.
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"

namespace scangate {

class JobFiles {
 public:
  // `root_fd` is the job's "/" and stays the caller's; `directory` is where the command was called, in the job.
  JobFiles(int root_fd, std::string directory) : root_fd_(root_fd), directory_(std::move(directory)) {}

  // `path` as the job means it: absolute and free of "." and "..". Symlinks are resolved when it is opened.
  std::string absolute(std::string_view path) const;

  // Errors: Fault::host with the path as it was written; Fault::user for what is no plain file.
  Result<UniqueFd> open_folder(std::string_view path) const;
  // The same, made with all above it where they are missing.
  Result<UniqueFd> make_folder(std::string_view path) const;
  Result<UniqueFd> open_file(std::string_view path) const;
  // A name for a socket (O_PATH), to connect to; an empty descriptor when it is something else.
  Result<UniqueFd> open_socket(std::string_view path) const;
  Result<std::string> read(std::string_view path, std::size_t cap_bytes) const;
  // nullopt when it is not there.
  Result<std::optional<std::string>> read_if_there(std::string_view path, std::size_t cap_bytes) const;
  bool exists(std::string_view path) const;
  // Creates or empties it; its folder must be there.
  Result<UniqueFd> create(std::string_view path) const;
  Result<void> write(std::string_view path, std::string_view text) const;

 private:
  int root_fd_;
  std::string directory_;
};

// A stream of the job, read without ever waiting for longer than the command lives. The descriptor stays the caller's.
class JobInput final : public ByteSource {
 public:
  JobInput(int fd, std::string name, const Cancel& cancel) : fd_(fd), name_(std::move(name)), cancel_(cancel) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override;

 private:
  int fd_;
  std::string name_;
  Cancel cancel_;
};

// The other direction: `docker save | gzip` with a reader that stopped reading must not keep the gate.
class JobOutput final : public ByteSink {
 public:
  JobOutput(int fd, std::string name, const Cancel& cancel) : fd_(fd), name_(std::move(name)), cancel_(cancel) {}
  Result<void> write(Bytes bytes) override;

 private:
  int fd_;
  std::string name_;
  Cancel cancel_;
};

}  // namespace scangate
