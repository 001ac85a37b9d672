#pragma once
// The advisory database: one immutable SQLite file, replaced by rename. OSV schema 1.7,
// https://ossf.github.io/osv-schema/.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/progress.h"
#include "scan/model/finding.h"
#include "scan/model/inventory.h"
#include "scan/model/verdict.h"

namespace scangate {

struct ImportReport {
  std::size_t records = 0;          // documents read
  std::size_t withdrawn = 0;        // left out: withdrawn
  std::size_t refused = 0;          // malformed; each is told through Progress as a warning
  std::vector<DataSource> sources;  // per ecosystem, as in the new file
};

// Reads OSV documents from `inputs` (a .json document, a .zip of documents, or a folder holding either, at any depth;
// JSON files that are no OSV documents are skipped and told) and writes a new database beside `database`, which it then
// replaces by rename; the old one stays in place on any Error. Errors: Fault::user when an input is missing or nothing
// in it is an advisory; Fault::host for disk trouble.
Result<ImportReport> import_advisories(const std::vector<std::filesystem::path>& inputs,
                                       const std::filesystem::path& database, const Clock& clock, const Cancel& cancel,
                                       Progress& progress);

// Opened read-only and shared by any number of threads (each match() uses a connection of its own or a lock).
class AdvisoryDatabase {
 public:
  // Errors: Fault::user with the remedy ("scangate db import …") when the file is missing; Fault::host when it is
  // corrupt or of another version.
  static Result<std::shared_ptr<AdvisoryDatabase>> open(const std::filesystem::path& path);
  ~AdvisoryDatabase();

  std::vector<DataSource> sources() const;
  // Identity of the data for caching verdicts: changes with every import.
  std::string fingerprint() const;

  // Vulnerability findings for all packages (one a flaw and package: aliases merged), with the remedy and fixed
  // versions filled, layer copied from the package; place, in_base and decisions are the caller's. `coverage` tells per
  // ecosystem whether there was data at all.
  struct Match {
    std::vector<Finding> findings;
    std::vector<Coverage> coverage;
    std::vector<std::string> notes;
  };
  Result<Match> match(const Inventory& inventory) const;

 private:
  struct State;
  explicit AdvisoryDatabase(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The OSV ecosystem a package belongs to: "Debian:12", "Alpine:v3.19", "PyPI", "npm"; nullopt when advisories of none
// apply.
std::optional<std::string> ecosystem_of(const Package& package, const std::optional<OsRelease>& os);

}  // namespace scangate
