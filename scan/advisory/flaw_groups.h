#pragma once
// Advisories that hit one package, merged to one entry a flaw: the same flaw comes as CVE, GHSA, PYSEC and by
// bulletins.
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "scan/advisory/severity_facts.h"

namespace scangate {

// One advisory whose range holds the installed version.
struct Hit {
  std::string name;
  std::vector<std::string> ids;       // of the same flaw
  std::vector<std::string> upstream;  // not empty: a bulletin of these flaws
  std::string versions;               // encoded ranges
  SeverityFacts severity;
  std::string title;
  std::string details;
  std::vector<std::string> links;
  std::optional<TimePoint> published;
};

struct Flaw {
  std::string id;                    // CVE before GHSA before others
  std::vector<std::string> aliases;  // sorted
  std::vector<std::size_t> hits;     // indices; records of the flaw itself before bulletins
  std::size_t bulletins = 0;         // how many of `hits`, at the end, are bulletins
};

std::vector<Flaw> group_by_flaw(const std::vector<Hit>& hits);

}  // namespace scangate
