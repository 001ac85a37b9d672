#include "executor/local/file_trees.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <functional>

#include "base/fd.h"
#include "base/file.h"
#include "pipeline/ci/glob.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

Error tree_error(const char* what, const fs::path& path, const std::error_code& error) {
  return host_error(fmt::format("cannot {} {}", what, path.string()), error.value());
}

// What to do with a path of the tree, relative to its top; a folder comes before what is in it.
enum class Visit { on, not_into };
using Visitor = std::function<Result<Visit>(const fs::path& relative, const fs::directory_entry& entry)>;

// Symlinks are not followed.
Result<void> walk(const fs::path& top, const Cancel& cancel, const Visitor& visit) {
  std::error_code error;
  std::size_t count = 0;
  for (fs::recursive_directory_iterator it(top, error), end; !error && it != end; it.increment(error)) {
    if (cancel.cancelled()) return fail(cancelled_error());
    if (++count > kMaxTreeFiles)
      return fail(Fault::user, fmt::format("{} holds more than {} files", top.string(), kMaxTreeFiles));
    SCANGATE_TRY(const Visit next, visit(it->path().lexically_relative(top), *it));
    if (next == Visit::not_into) it.disable_recursion_pending();
  }
  if (error) return fail(tree_error("read", top, error));
  return {};
}

Result<void> copy_entry(const fs::directory_entry& entry, const fs::path& to) {
  std::error_code error;
  const fs::file_status status = entry.symlink_status(error);
  if (error) return fail(tree_error("read", entry.path(), error));
  switch (status.type()) {
    case fs::file_type::directory:
      SCANGATE_CHECK(make_directories(to));
      // Its owner must be able to fill it; the job sees the rest as it was.
      fs::permissions(to, status.permissions() | fs::perms::owner_all, error);
      break;
    case fs::file_type::symlink:
      fs::copy_symlink(entry.path(), to, error);
      break;
    case fs::file_type::regular:
      fs::copy_file(entry.path(), to, error);
      break;
    default:
      break;  // a socket or a device is no part of a project
  }
  if (error) return fail(tree_error("copy", entry.path(), error));
  return {};
}

class Patterns {
 public:
  static Result<Patterns> parse(const std::vector<std::string>& written, const std::string& project_folder) {
    Patterns out;
    for (const auto& text : written) {
      std::string pattern = text;
      if (pattern.starts_with(project_folder + "/")) pattern.erase(0, project_folder.size() + 1);
      while (pattern.starts_with("./"))
        pattern.erase(0, 2);
      while (pattern.size() > 1 && pattern.ends_with('/'))
        pattern.pop_back();
      const bool all = pattern == "." || pattern == project_folder || pattern.empty();
      SCANGATE_TRY(auto glob, ci::Glob::parse(all ? "**/*" : pattern));
      out.globs_.push_back(std::move(glob));
      out.used_.push_back(false);
    }
    return out;
  }
  bool match(const std::string& path) {
    bool found = false;
    for (std::size_t i = 0; i < globs_.size(); ++i) {
      if ((found && used_[i]) || !globs_[i].matches(path)) continue;
      used_[i] = true;
      found = true;
    }
    return found;
  }
  bool used(std::size_t index) const { return used_[index]; }

 private:
  std::vector<ci::Glob> globs_;
  std::vector<bool> used_;
};

// Where a name of the tree is put: its folder, opened inside the project.
Result<UniqueFd> open_parent(int project, const fs::path& relative) {
  return open_in_root(project, relative.has_parent_path() ? relative.parent_path().string() : ".",
                      O_PATH | O_DIRECTORY);
}

Result<void> put_content(int parent, const std::string& name, const fs::directory_entry& entry) {
  SCANGATE_TRY(const UniqueFd from, open_file(entry.path(), O_RDONLY | O_NOFOLLOW));
  struct stat status{};
  if (fstat(from.get(), &status) != 0) return fail(host_error("cannot read " + entry.path().string(), errno));
  const UniqueFd to(
      openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, status.st_mode & 0777U));
  if (!to) return fail(host_error("cannot write " + name, errno));
  if (fchmod(to.get(), status.st_mode & 0777U) != 0) return fail(host_error("cannot set the mode of " + name, errno));
  std::array<std::byte, 64U << 10U> buffer;  // NOLINT: filled by read
  for (;;) {
    const ssize_t got = read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(host_error("cannot read " + entry.path().string(), errno));
    if (got == 0) return {};
    SCANGATE_CHECK(write_fd(to.get(), Bytes(buffer.data(), static_cast<std::size_t>(got)), name));
  }
}

}  // namespace

Result<void> copy_tree(const fs::path& from, const fs::path& to, const fs::path& skipped, const Cancel& cancel) {
  SCANGATE_CHECK(make_directories(to));
  std::error_code ignored;
  const fs::path canonical = fs::weakly_canonical(from, ignored);
  const fs::path skip = fs::weakly_canonical(skipped, ignored);
  return walk(canonical, cancel, [&](const fs::path& relative, const fs::directory_entry& entry) -> Result<Visit> {
    if (entry.path() == skip) return Visit::not_into;
    SCANGATE_CHECK(copy_entry(entry, to / relative));
    return Visit::on;
  });
}

Result<TakenFiles> take_files(const fs::path& project, const FilePatterns& patterns, const fs::path& to,
                              const Cancel& cancel) {
  SCANGATE_TRY(auto paths, Patterns::parse(patterns.paths, patterns.project_folder));
  SCANGATE_TRY(auto exclude, Patterns::parse(patterns.exclude, patterns.project_folder));
  SCANGATE_CHECK(make_directories(to));
  TakenFiles out;
  std::string inside;  // the folder that fits, with a slash; everything below it does
  const auto take = [&](const fs::path& relative, const fs::directory_entry& entry) -> Result<Visit> {
    const std::string path = relative.string();
    if (path == ".git") return Visit::not_into;
    const bool fits = paths.match(path);
    const bool below = !inside.empty() && path.starts_with(inside);
    if (!fits && !below) return Visit::on;
    std::error_code ignored;
    const bool folder = entry.symlink_status(ignored).type() == fs::file_type::directory;
    if (folder && !below) inside = path + "/";
    // An excluded folder is not taken by itself; files in it may still be.
    if (exclude.match(path)) return Visit::on;
    SCANGATE_CHECK(make_directories((to / relative).parent_path()));
    SCANGATE_CHECK(copy_entry(entry, to / relative));
    if (!folder) ++out.files;
    return Visit::on;
  };
  SCANGATE_CHECK(walk(project, cancel, take));
  for (std::size_t i = 0; i < patterns.paths.size(); ++i)
    if (!paths.used(i)) out.unmatched.push_back(patterns.paths[i]);
  return out;
}

Result<void> put_files(const fs::path& from, const fs::path& project, const Cancel& cancel) {
  SCANGATE_TRY(const UniqueFd root, open_file(project, O_PATH | O_DIRECTORY));
  return walk(from, cancel, [&](const fs::path& relative, const fs::directory_entry& entry) -> Result<Visit> {
    SCANGATE_TRY(const UniqueFd parent, open_parent(root.get(), relative));
    const std::string name = relative.filename();
    std::error_code error;
    const fs::file_status status = entry.symlink_status(error);
    if (error) return fail(tree_error("read", entry.path(), error));
    if (status.type() == fs::file_type::directory) {
      if (open_in_root(root.get(), relative, O_PATH | O_DIRECTORY)) return Visit::on;
      unlinkat(parent.get(), name.c_str(), 0);  // a file in its place
      if (mkdirat(parent.get(), name.c_str(), static_cast<mode_t>(status.permissions())) != 0)
        return fail(host_error("cannot make the folder " + relative.string(), errno));
      return Visit::on;
    }
    unlinkat(parent.get(), name.c_str(), 0);
    if (status.type() == fs::file_type::symlink) {
      const fs::path target = fs::read_symlink(entry.path(), error);
      if (error) return fail(tree_error("read", entry.path(), error));
      if (symlinkat(target.c_str(), parent.get(), name.c_str()) != 0)
        return fail(host_error("cannot make the symlink " + relative.string(), errno));
      return Visit::on;
    }
    SCANGATE_CHECK(put_content(parent.get(), name, entry));
    return Visit::on;
  });
}

}  // namespace scangate
