#include <algorithm>
#include <system_error>

#include "base/archive/zip.h"
#include "base/file.h"
#include "base/text.h"
#include "scan/advisory/advisory.h"
#include "scan/advisory/database_writer.h"
#include "scan/advisory/osv_document.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;

// A folder of single documents: all of OSV is some 600,000 of them.
constexpr std::size_t kMaxInputFiles = 4'000'000;
// Malformed documents told one by one; a feed of nothing else must not flood the log.
constexpr std::size_t kMaxRefusalsTold = 20;

bool is_document(const fs::path& path) {
  return path.extension() == ".json";
}
bool is_archive(const fs::path& path) {
  return path.extension() == ".zip";
}

Result<std::vector<fs::path>> list_files(const fs::path& input) {
  std::error_code error;
  const auto status = fs::status(input, error);
  if (!fs::exists(status))
    return fail(Error(Fault::user, error && error != std::errc::no_such_file_or_directory
                                       ? error.message()
                                       : "there is no such file or folder")
                    .at(input.string()));
  if (!fs::is_directory(status)) {
    if (!is_document(input) && !is_archive(input))
      return fail(Error(Fault::user, "advisories come as .json or .zip files or a folder of them").at(input.string()));
    return std::vector<fs::path>{input};
  }
  std::vector<fs::path> files;
  fs::recursive_directory_iterator at(input, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (!at->is_regular_file(error) || (!is_document(at->path()) && !is_archive(at->path()))) continue;
    if (files.size() == kMaxInputFiles)
      return fail(Error(Fault::user, fmt::format("holds more than {} files", kMaxInputFiles)).at(input.string()));
    files.push_back(at->path());
  }
  if (error) return fail(Error(Fault::host, "cannot read the folder: " + error.message()).at(input.string()));
  std::sort(files.begin(), files.end());
  return files;
}

class Import {
 public:
  Import(DatabaseWriter& writer, const Cancel& cancel, Progress& progress)
      : writer_(writer), cancel_(cancel), progress_(progress) {}

  Result<void> read_file_or_archive(const fs::path& path) {
    if (is_archive(path)) return read_archive(path);
    SCANGATE_TRY(const std::string text, read_file(path, kMaxOsvBytes));
    return read_document(text, path.string());
  }
  void finish_telling() {
    if (report_.refused > kMaxRefusalsTold)
      progress_.line(Level::warning, fmt::format("{} more malformed advisories", report_.refused - kMaxRefusalsTold));
  }
  ImportReport& report() { return report_; }

 private:
  Result<void> read_archive(const fs::path& path) {
    SCANGATE_TRY(auto zip, ZipReader::open(path, ZipCaps{.entry_bytes = kMaxOsvBytes}));
    const std::size_t before = report_.records;
    for (;;) {
      SCANGATE_TRY(const auto entry, zip.next());
      if (!entry) break;
      if (!entry->name.ends_with(".json")) continue;
      SCANGATE_CHECK(read_document(entry->content, fmt::format("{}:{}", path.string(), printable(entry->name))));
    }
    progress_.line(Level::info, fmt::format("{}: {} advisories", path.string(), report_.records - before));
    return {};
  }

  Result<void> read_document(std::string_view text, const std::string& place) {
    if (cancel_.cancelled()) return fail(cancelled_error());
    auto document = parser_.parse(text, place);
    if (!document) {
      if (++report_.refused <= kMaxRefusalsTold) progress_.line(Level::warning, document.error().text());
      return {};
    }
    if (!*document) {
      progress_.line(Level::info, place + ": no OSV document, skipped");
      return {};
    }
    ++report_.records;
    if ((*document)->withdrawn) {
      ++report_.withdrawn;
      return {};
    }
    return writer_.add(**document);
  }

  DatabaseWriter& writer_;
  const Cancel& cancel_;
  Progress& progress_;
  OsvParser parser_;
  ImportReport report_;
};

}  // namespace

Result<ImportReport> import_advisories(const std::vector<fs::path>& inputs, const fs::path& database,
                                       const Clock& clock, const Cancel& cancel, Progress& progress) {
  std::vector<fs::path> files;
  for (const auto& input : inputs) {
    SCANGATE_TRY(auto more, list_files(input));
    files.insert(files.end(), more.begin(), more.end());
  }
  SCANGATE_TRY(auto writer, DatabaseWriter::begin(database));
  Import import(writer, cancel, progress);
  for (std::size_t i = 0; i < files.size(); ++i) {
    progress.bytes("advisories", i, files.size());
    SCANGATE_CHECK(import.read_file_or_archive(files[i]));
  }
  import.finish_telling();
  ImportReport& report = import.report();
  if (report.records == 0) {
    return fail(
        Error(Fault::user, "no advisory in OSV form was found")
            .at(inputs.empty() ? "db import" : inputs.front().string())
            .remedy("give OSV exports: https://osv-vulnerabilities.storage.googleapis.com/<ecosystem>/all.zip"));
  }
  SCANGATE_TRY(report.sources, writer.finish(clock.now()));
  return report;
}

}  // namespace scangate
