#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "scan/advisory/advisory.h"
#include "scan/advisory/database_state.h"
#include "scan/advisory/ecosystem.h"
#include "scan/advisory/flaw_groups.h"
#include "scan/advisory/ranges.h"
#include "scan/advisory/text_lists.h"

namespace scangate {
namespace {

constexpr std::size_t kMaxReferences = 6;  // a report's reader follows one or two

// A number of the file as an enumerator; a damaged file must not become an invalid value.
template <class Enum>
Enum enum_of(std::int64_t value, Enum last, Enum otherwise) {
  if (value < 0 || value > static_cast<std::int64_t>(last)) return otherwise;
  return static_cast<Enum>(value);
}

// Four columns from `first` on.
SeverityFacts severity_columns(const SqliteStatement& row, int first) {
  SeverityFacts facts;
  facts.severity = enum_of(row.integer(first), Severity::critical, Severity::unknown);
  facts.source = row.text(first + 1);
  facts.rank = enum_of(row.integer(first + 2), SeverityRank::none, SeverityRank::none);
  facts.vectors = split_lines(row.text(first + 3));
  return facts;
}

struct PackageHits {
  std::vector<Hit> hits;
  bool unclear = false;
};

struct RowHit {
  std::int64_t advisory = 0;
  std::string versions;
  std::optional<SeverityFacts> severity;
};

class Matcher {
 public:
  Matcher(AdvisoryDatabase::Match& match, SqliteStatement& rows, SqliteStatement& advisory, SqliteStatement& flaw)
      : match_(match), rows_(rows), advisory_(advisory), flaw_(flaw) {}

  // All findings of the packages, which share one lookup key.
  Result<void> add(const LookupKey& key, std::int64_t ecosystem, VersionScheme scheme,
                   const std::vector<const Package*>& packages) {
    SCANGATE_TRY(const PackageHits found, look_up(key, ecosystem, scheme));
    if (found.unclear) {
      for (const Package* package : packages)
        match_.findings.push_back(unclear_finding(*package));
    }
    for (const Flaw& flaw : group_by_flaw(found.hits)) {
      SCANGATE_TRY(const Finding finding, make_finding(flaw, found.hits, scheme, key.version));
      for (const Package* package : packages) {
        Finding one = finding;
        one.package = *package;
        one.layer = package->layer;
        one.remedy = remedy(one, *package, last_affected_);
        if (one.title.empty()) one.title = cut_text(one_line(one.id + " in " + key.name), 200);
        if (one.severity == Severity::unknown) ++without_severity_;
        match_.findings.push_back(std::move(one));
      }
    }
    return {};
  }
  std::size_t without_severity() const { return without_severity_; }

 private:
  Result<PackageHits> look_up(const LookupKey& key, std::int64_t ecosystem, VersionScheme scheme) {
    PackageHits found;
    std::vector<RowHit> row_hits;
    rows_.reset();
    rows_.bind(1, ecosystem);
    rows_.bind(2, key.name);
    for (;;) {
      SCANGATE_TRY(const bool row, rows_.step());
      if (!row) break;
      const Affected affected = is_affected(scheme, key.version, rows_.text(1));
      if (affected == Affected::unclear) found.unclear = true;
      if (affected != Affected::yes) continue;
      RowHit hit{rows_.integer(0), std::string(rows_.text(1)), {}};
      if (!rows_.is_null(2)) hit.severity = severity_columns(rows_, 2);
      row_hits.push_back(std::move(hit));
    }
    rows_.reset();
    for (RowHit& row_hit : row_hits) {
      SCANGATE_TRY(auto hit, read_advisory(row_hit));
      if (hit) found.hits.push_back(std::move(*hit));
    }
    return found;
  }

  Result<std::optional<Hit>> read_advisory(RowHit& row_hit) {
    advisory_.reset();
    advisory_.bind(1, row_hit.advisory);
    SCANGATE_TRY(const bool row, advisory_.step());
    if (!row) return fail(Fault::host, "an advisory is missing");
    Hit hit;
    hit.name = advisory_.text(0);
    hit.ids = split_lines(advisory_.text(1));
    hit.upstream = split_lines(advisory_.text(2));
    hit.versions = std::move(row_hit.versions);
    hit.severity = row_hit.severity ? std::move(*row_hit.severity) : severity_columns(advisory_, 3);
    hit.title = advisory_.text(7);
    hit.details = advisory_.text(8);
    hit.links = split_lines(advisory_.text(9));
    if (!advisory_.is_null(10)) hit.published = TimePoint(std::chrono::seconds(advisory_.integer(10)));
    advisory_.reset();
    return std::optional<Hit>(std::move(hit));
  }

  Result<SeverityFacts> severity_of(const Flaw& flaw, const std::vector<Hit>& hits) {
    SeverityFacts facts;
    const std::size_t own = flaw.hits.size() - flaw.bulletins;
    for (std::size_t i = 0; i < own; ++i)
      facts.improve(hits[flaw.hits[i]].severity);
    if (facts.rank != SeverityRank::none) return facts;
    // What another ecosystem's advisory says about the same CVE.
    std::vector<std::string> ids = flaw.aliases;
    ids.push_back(flaw.id);
    for (const auto& id : ids) {
      if (!id.starts_with("CVE-")) continue;
      flaw_.reset();
      flaw_.bind(1, id);
      SCANGATE_TRY(const bool row, flaw_.step());
      if (row) facts.improve(severity_columns(flaw_, 0));
      flaw_.reset();
    }
    if (facts.rank != SeverityRank::none) return facts;
    // A bulletin's rating is that of its worst flaw.
    for (std::size_t i = own; i < flaw.hits.size(); ++i)
      facts.improve(hits[flaw.hits[i]].severity);
    return facts;
  }

  Result<Finding> make_finding(const Flaw& flaw, const std::vector<Hit>& hits, VersionScheme scheme,
                               const std::string& version) {
    Finding finding;
    finding.kind = FindingKind::vulnerability;
    finding.id = flaw.id;
    finding.aliases = flaw.aliases;
    finding.sources = {"native"};
    SCANGATE_TRY(const SeverityFacts severity, severity_of(flaw, hits));
    finding.severity = severity.severity;
    finding.severity_source = severity.source;
    for (const auto& vector : severity.vectors) {
      if (const auto score = cvss_base_score(vector)) finding.cvss.push_back({vector, *score});
    }
    for (std::size_t i = 0; i < flaw.hits.size(); ++i) {
      const Hit& hit = hits[flaw.hits[i]];
      const bool bulletin = i >= flaw.hits.size() - flaw.bulletins;
      // "openssl - security update" says nothing about the flaw.
      if (!bulletin && finding.title.empty()) finding.title = hit.title;
      if (!bulletin && finding.description.empty()) finding.description = hit.details;
      for (const auto& link : hit.links) {
        if (finding.references.size() < kMaxReferences &&
            std::find(finding.references.begin(), finding.references.end(), link) == finding.references.end())
          finding.references.push_back(link);
      }
      if (hit.published && (!finding.published || *hit.published < *finding.published))
        finding.published = hit.published;
    }
    add_fix(finding, flaw, hits, scheme, version);
    return finding;
  }

  void add_fix(Finding& finding, const Flaw& flaw, const std::vector<Hit>& hits, VersionScheme scheme,
               const std::string& version) {
    FixFacts all;
    for (const std::size_t i : flaw.hits) {
      FixFacts facts = fix_facts(scheme, version, hits[i].versions);
      all.fixed_above.insert(all.fixed_above.end(), facts.fixed_above.begin(), facts.fixed_above.end());
      if (facts.last_affected) all.last_affected = std::move(facts.last_affected);
      all.will_not_fix = all.will_not_fix || facts.will_not_fix;
    }
    sort_versions(scheme, all.fixed_above);
    if (all.fixed_above.size() > kMaxFixedVersions) all.fixed_above.resize(kMaxFixedVersions);
    // A version that one record calls fixed and another still affected does not end the finding.
    const auto ends_it = [&](const std::string& fixed) {
      return std::none_of(flaw.hits.begin(), flaw.hits.end(),
                          [&](std::size_t i) { return is_affected(scheme, fixed, hits[i].versions) == Affected::yes; });
    };
    std::copy_if(all.fixed_above.begin(), all.fixed_above.end(), std::back_inserter(finding.fixed_versions), ends_it);
    if (finding.fixed_versions.empty()) finding.fixed_versions = all.fixed_above;
    last_affected_ = all.last_affected;
    if (!finding.fixed_versions.empty())
      finding.fix = FixState::fixed;
    else if (all.will_not_fix)
      finding.fix = FixState::will_not_fix;
    else
      finding.fix = all.last_affected ? FixState::unknown : FixState::not_fixed;
  }

  static std::string remedy(const Finding& finding, const Package& package,
                            const std::optional<std::string>& last_affected) {
    if (finding.severity_source == "malware") return fmt::format("remove {}: this release is malware", package.name);
    // The distribution's fixed version is that of the source package.
    const bool other_source = !package.source_version.empty() && package.source_version != package.version;
    const std::string of_source = other_source ? fmt::format(" (source {})", package.source_name) : "";
    if (!finding.fixed_versions.empty())
      return fmt::format("upgrade {}{} to {}", package.name, of_source, finding.fixed_versions.front());
    if (finding.fix == FixState::will_not_fix)
      return fmt::format("replace {}: the distribution will not fix this", package.name);
    if (last_affected) return fmt::format("upgrade {} to a version above {}", package.name, *last_affected);
    return fmt::format("no fixed version of {} is known yet", package.name);
  }

  static Finding unclear_finding(const Package& package) {
    Finding finding;
    finding.kind = FindingKind::data;
    finding.id = "version-not-comparable";
    finding.title = cut_text(one_line(fmt::format("the version '{}' of {} cannot be compared with its advisories",
                                                  package.version, package.name)),
                             200);
    finding.remedy = fmt::format("check {} by hand", package.name);
    finding.package = package;
    finding.layer = package.layer;
    finding.sources = {"native"};
    return finding;
  }

  AdvisoryDatabase::Match& match_;
  SqliteStatement& rows_;
  SqliteStatement& advisory_;
  SqliteStatement& flaw_;
  std::optional<std::string> last_affected_;  // of the flaw made last
  std::size_t without_severity_ = 0;
};

struct Lookups {
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<const Package*>> packages;
  std::map<std::string, std::size_t> per_ecosystem;
  std::size_t kept_by_os = 0;
  std::set<std::string> types_without_advisories;
};

Lookups collect(const Inventory& inventory) {
  Lookups lookups;
  for (const Package& package : inventory.packages) {
    if (package.owned_by && !is_os_package(package)) {
      ++lookups.kept_by_os;
      continue;
    }
    auto key = lookup_key(package, inventory.os);
    if (!key) {
      lookups.types_without_advisories.insert(package.type);
      continue;
    }
    ++lookups.per_ecosystem[key->ecosystem];
    lookups.packages[{std::move(key->ecosystem), std::move(key->name), std::move(key->version)}].push_back(&package);
  }
  return lookups;
}

}  // namespace

Result<AdvisoryDatabase::Match> AdvisoryDatabase::match(const Inventory& inventory) const {
  Match match;
  const Lookups lookups = collect(inventory);
  for (const auto& [ecosystem, packages] : lookups.per_ecosystem) {
    const bool has_data =
        state_->ecosystems.find(ecosystem) != state_->ecosystems.end() && ecosystem_scheme(ecosystem).has_value();
    match.coverage.push_back({ecosystem, packages, has_data});
  }

  const std::lock_guard lock(state_->mutex);
  Matcher matcher(match, state_->rows_of_package, state_->advisory, state_->flaw);
  for (const auto& [key, packages] : lookups.packages) {
    const auto& [ecosystem, name, version] = key;
    const auto row = state_->ecosystems.find(ecosystem);
    const auto scheme = ecosystem_scheme(ecosystem);
    if (row == state_->ecosystems.end() || !scheme) continue;
    if (auto added = matcher.add({ecosystem, name, version}, row->second, *scheme, packages); !added)
      return fail(damaged_database(state_->path, added.error().cause()));
  }

  if (lookups.kept_by_os > 0)
    match.notes.push_back(
        fmt::format("language packages that belong to packages of the distribution and are judged by "
                    "its advisories alone: {}",
                    lookups.kept_by_os));
  for (const auto& type : lookups.types_without_advisories)
    match.notes.push_back(fmt::format("packages of type {} have no advisories to compare with", type));
  if (matcher.without_severity() > 0)
    match.notes.push_back(
        fmt::format("findings without a severity in the advisory data: {}", matcher.without_severity()));
  return match;
}

}  // namespace scangate
