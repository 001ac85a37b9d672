#include "executor/local/local_artifacts.h"

#include <fcntl.h>

#include <algorithm>

#include "base/text.h"
#include "executor/local/file_trees.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

bool is_variable_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

Result<void> read_dotenv(const ci::Artifacts& artifacts, const fs::path& project, const std::string& project_folder,
                         LocalArtifacts& out) {
  SCANGATE_TRY(const UniqueFd root, open_file(project, O_PATH | O_DIRECTORY));
  for (const auto& [type, paths] : artifacts.reports) {
    if (type != "dotenv") continue;
    for (const auto& path : paths) {
      const std::string relative = path.starts_with(project_folder + "/") ? path.substr(project_folder.size()) : path;
      const auto file = open_in_root(root.get(), relative, O_RDONLY | O_NONBLOCK);
      if (!file) continue;  // GitLab takes a job without the file
      SCANGATE_TRY(const std::string text, read_fd(file->get(), kMaxDotenvBytes, path));
      SCANGATE_TRY(auto variables, parse_dotenv(text, path));
      out.variables.insert(out.variables.end(), std::make_move_iterator(variables.begin()),
                           std::make_move_iterator(variables.end()));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_dotenv(std::string_view text, const std::string& place) {
  std::vector<std::pair<std::string, std::string>> out;
  std::size_t number = 0;
  for (const auto& line : split(text, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const std::size_t equals = line.find('=');
    const std::string name(trim(std::string_view(line).substr(0, equals)));
    if (equals == std::string::npos || !is_variable_name(name))
      return fail(Error(Fault::user, fmt::format("'{}' is not NAME=value", printable(line)))
                      .at(fmt::format("{}:{}", place, number))
                      .remedy("a dotenv report has neither comments nor quotes"));
    if (out.size() == kMaxDotenvVariables)
      return fail(Error(Fault::user, fmt::format("more than {} variables in a dotenv report", kMaxDotenvVariables))
                      .at(fmt::format("{}:{}", place, number)));
    out.emplace_back(name, std::string(trim(std::string_view(line).substr(equals + 1))));
  }
  return out;
}

Result<LocalArtifacts> take_artifacts(const ci::Job& job, bool succeeded, const fs::path& project,
                                      const std::string& project_folder, Store& store, const Cancel& cancel,
                                      Progress& progress) {
  LocalArtifacts out;
  if (!job.artifacts) return out;
  const ci::Artifacts& artifacts = *job.artifacts;
  // A failed job's variables reach nobody, as nothing of its stage does.
  if (succeeded) SCANGATE_CHECK(read_dotenv(artifacts, project, project_folder, out));
  if (artifacts.when != "always" && (artifacts.when == "on_success") != succeeded) return out;
  if (artifacts.untracked)
    progress.line(Level::warning,
                  fmt::format("job {}: artifacts:untracked is not served here; name the files in 'paths'", job.name));
  if (artifacts.paths.empty()) return out;
  SCANGATE_TRY(out.folder, store.make_work_folder("artifacts-"));
  SCANGATE_TRY(
      const TakenFiles taken,
      take_files(project, {.paths = artifacts.paths, .exclude = artifacts.exclude, .project_folder = project_folder},
                 out.folder->path(), cancel));
  for (const auto& pattern : taken.unmatched)
    progress.line(Level::warning,
                  fmt::format("job {}: {}: no matching files. Ensure that the artifact path is relative to {}",
                              job.name, printable(pattern), project_folder));
  progress.line(Level::info,
                fmt::format("job {}: {} file{} kept as artifacts", job.name, taken.files, taken.files == 1 ? "" : "s"));
  return out;
}

}  // namespace scangate
