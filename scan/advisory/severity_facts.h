#pragma once
// How bad an advisory says a flaw is, and who says so.
#include <string>
#include <string_view>
#include <vector>

#include "scan/advisory/osv_document.h"
#include "scan/model/finding.h"

namespace scangate {

// Whose word counts more, best first: a person's rating of this very package, then a vector, then other words.
enum class SeverityRank { vendor_word, cvss3, cvss4, cvss2, other_word, none };

struct SeverityFacts {
  Severity severity = Severity::unknown;
  std::string source;  // "GHSA", "CVSS", "Ubuntu"; empty when unknown
  SeverityRank rank = SeverityRank::none;
  std::vector<std::string> vectors;  // CVSS, at most kMaxVectors

  // Takes the other's rating when its rank is better, or equal and worse in meaning; joins the vectors.
  void improve(const SeverityFacts& other);
};
inline constexpr std::size_t kMaxVectors = 4;  // one of each CVSS generation

SeverityFacts document_severity(const OsvDocument& document);
// What the entry of one package says on its own; none when it says nothing.
SeverityFacts affected_severity(const OsvDocument& document, const OsvAffected& affected);

}  // namespace scangate
