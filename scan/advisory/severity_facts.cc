#include "scan/advisory/severity_facts.h"

#include <algorithm>

#include "scan/advisory/ecosystem.h"

namespace scangate {
namespace {

SeverityFacts of_word(std::string_view word, std::string source, SeverityRank rank) {
  SeverityFacts facts;
  const auto severity = parse_severity(word);
  if (!severity || *severity == Severity::unknown) return facts;
  facts.severity = *severity;
  facts.source = std::move(source);
  facts.rank = rank;
  return facts;
}

SeverityFacts of_vector(const std::string& vector) {
  SeverityFacts facts;
  const auto score = cvss_base_score(vector);
  if (!score) return facts;
  facts.severity = severity_of_cvss(*score);
  facts.source = "CVSS";
  facts.rank = vector.starts_with("CVSS:3")   ? SeverityRank::cvss3
               : vector.starts_with("CVSS:4") ? SeverityRank::cvss4
                                              : SeverityRank::cvss2;
  facts.vectors = {vector};
  return facts;
}

SeverityFacts of_list(const std::vector<OsvSeverity>& severities) {
  SeverityFacts facts;
  for (const auto& one : severities) {
    if (one.type.starts_with("CVSS"))
      facts.improve(of_vector(one.score));
    else
      facts.improve(of_word(one.score, one.type, SeverityRank::vendor_word));
  }
  return facts;
}

// "Important: openssl security update": the errata of the RHEL family say it only there.
std::string_view errata_word(const OsvDocument& document) {
  const auto colon = document.summary.find(": ");
  if (colon == std::string::npos || colon > 10) return {};
  for (const std::string_view prefix : {"ALSA-", "RLSA-", "RHSA-", "RXSA-"}) {
    if (document.id.starts_with(prefix)) return std::string_view(document.summary).substr(0, colon);
  }
  return {};
}

}  // namespace

void SeverityFacts::improve(const SeverityFacts& other) {
  if (other.rank < rank || (other.rank == rank && other.severity > severity)) {
    severity = other.severity;
    source = other.source;
    rank = other.rank;
  }
  for (const auto& vector : other.vectors) {
    if (vectors.size() < kMaxVectors && std::find(vectors.begin(), vectors.end(), vector) == vectors.end())
      vectors.push_back(vector);
  }
}

SeverityFacts document_severity(const OsvDocument& document) {
  SeverityFacts facts = of_list(document.severities);
  const bool ghsa = document.id.starts_with("GHSA-");
  facts.improve(of_word(document.severity_word, ghsa ? "GHSA" : "advisory",
                        ghsa ? SeverityRank::vendor_word : SeverityRank::other_word));
  facts.improve(of_word(errata_word(document), "errata", SeverityRank::vendor_word));
  // Malware carries no rating; https://github.com/ossf/malicious-packages asks to treat every hit as a compromise.
  if (document.id.starts_with("MAL-")) facts.improve(of_word("critical", "malware", SeverityRank::vendor_word));
  return facts;
}

SeverityFacts affected_severity(const OsvDocument& document, const OsvAffected& affected) {
  SeverityFacts facts = of_list(affected.severities);
  const std::string family(ecosystem_family(affected.ecosystem));
  // Debian's tracker: "unimportant" is a judgement, the other urgencies are left from years ago.
  const bool judged = affected.urgency == "unimportant";
  facts.improve(of_word(affected.urgency, family, judged ? SeverityRank::vendor_word : SeverityRank::other_word));
  // A package's own vector is weighed beside the word for the whole advisory.
  if (facts.rank != SeverityRank::none) facts.improve(document_severity(document));
  return facts;
}

}  // namespace scangate
