#include "scan/model/finding.h"

#include <array>

#include "base/digest.h"
#include "base/text.h"

namespace scangate {
namespace {

struct SeverityWord {
  std::string_view word;
  Severity severity;
};
// The words of advisories and distributions beside our own: Red Hat and GHSA say moderate and important, Debian says
// unimportant, CVSS says none.
constexpr std::array kSeverityWords = {
    SeverityWord{"unknown", Severity::unknown}, SeverityWord{"negligible", Severity::negligible},
    SeverityWord{"none", Severity::negligible}, SeverityWord{"unimportant", Severity::negligible},
    SeverityWord{"low", Severity::low},         SeverityWord{"medium", Severity::medium},
    SeverityWord{"moderate", Severity::medium}, SeverityWord{"high", Severity::high},
    SeverityWord{"important", Severity::high},  SeverityWord{"critical", Severity::critical},
};

}  // namespace

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::negligible:
      return "negligible";
    case Severity::low:
      return "low";
    case Severity::medium:
      return "medium";
    case Severity::high:
      return "high";
    case Severity::critical:
      return "critical";
    case Severity::unknown:
      break;
  }
  return "unknown";
}

std::optional<Severity> parse_severity(std::string_view name) {
  const std::string lower = to_lower(trim(name));
  for (const SeverityWord& known : kSeverityWords)
    if (lower == known.word) return known.severity;
  return std::nullopt;
}

Severity severity_of_cvss(double score) {
  // Written so that NaN is unknown.
  if (!(score >= 0.0 && score <= 10.0)) return Severity::unknown;
  if (score < 0.1) return Severity::negligible;
  if (score < 4.0) return Severity::low;
  if (score < 7.0) return Severity::medium;
  if (score < 9.0) return Severity::high;
  return Severity::critical;
}

std::string_view finding_kind_name(FindingKind kind) {
  switch (kind) {
    case FindingKind::vulnerability:
      return "vulnerability";
    case FindingKind::config:
      return "config";
    case FindingKind::package:
      return "package";
    case FindingKind::file:
      return "file";
    case FindingKind::data:
      break;
  }
  return "data";
}

std::string finding_key(const Finding& finding) {
  // No path of the package either: "python3.11/site-packages/flask-2.2.2.dist-info" changes with every upgrade.
  Sha256 hash;
  const auto add = [&hash](std::string_view part) {
    hash.update(part);
    hash.update(std::string_view("\0", 1));  // so that "a"+"bc" and "ab"+"c" differ
  };
  add(finding_kind_name(finding.kind));
  add(finding.id);
  add(finding.detail);
  if (finding.package) {
    add(finding.package->type);
    add(finding.package->name_space);
    add(finding.package->name);
  }
  return hash.finish().hex();
}

}  // namespace scangate
