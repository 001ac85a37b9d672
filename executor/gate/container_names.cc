#include "executor/gate/container_names.h"

#include <fcntl.h>

#include "base/file.h"

namespace scangate {
namespace {

// As in executor/session, which writes the job's file: block lists reach some megabytes.
constexpr std::size_t kMaxHostsBytes = 16U << 20U;

// At the end of the same file: it is mounted where it is read, so a new one in its place would not be seen.
void append(const std::filesystem::path& file, const std::string& lines) {
  if (const auto fd = open_file(file, O_WRONLY | O_APPEND))
    static_cast<void>(write_fd(fd->get(), as_bytes(lines), file.string()));
}

}  // namespace

void ContainerNames::add(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  std::string lines;
  for (const auto& name : names)
    if (names_.insert(name).second) lines += "127.0.0.1\t" + name + "\n";
  if (lines.empty()) return;
  if (!jobs_file_.empty()) append(jobs_file_, lines);
  for (const auto& file : files_)
    append(file, lines);
}

Result<std::filesystem::path> ContainerNames::make_file(
    const std::filesystem::path& folder, const std::vector<std::pair<std::string, std::string>>& further) {
  const std::lock_guard lock(mutex_);
  std::string text = read_file(jobs_file_.empty() ? "/etc/hosts" : jobs_file_, kMaxHostsBytes).value_or("");
  if (!text.empty() && text.back() != '\n') text += '\n';
  if (jobs_file_.empty())
    for (const auto& name : names_)
      text += "127.0.0.1\t" + name + "\n";
  // Before the others: the first line of a name counts.
  std::string first;
  for (const auto& [name, address] : further)
    first += (address == "host-gateway" ? "127.0.0.1" : address) + "\t" + name + "\n";
  std::filesystem::path file = folder / "hosts";
  SCANGATE_CHECK(write_file_atomic(file, as_bytes(first + text)));
  files_.insert(file);
  return file;
}

void ContainerNames::forget(const std::filesystem::path& file) {
  const std::lock_guard lock(mutex_);
  files_.erase(file);
}

}  // namespace scangate
