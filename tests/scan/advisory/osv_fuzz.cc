// Any text as an OSV document: parsing ends, and what comes out can be stored and compared.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "scan/advisory/ecosystem.h"
#include "scan/advisory/osv_document.h"
#include "scan/advisory/severity_facts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate;
  OsvParser parser;
  const auto document = parser.parse({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!document || !*document) return 0;
  static_cast<void>(document_severity(**document));
  for (const auto& affected : (*document)->affected) {
    const auto scheme = ecosystem_scheme(affected.ecosystem);
    const std::string text = encode_affected(affected.versions, scheme);
    if (!scheme) continue;
    static_cast<void>(is_affected(*scheme, "1.2.3", text));
    for (const auto& fixed : fix_facts(*scheme, "1.2.3", text).fixed_above) {
      if (compare_versions(*scheme, "1.2.3", fixed).value_or(0) >= 0) std::abort();
    }
  }
  return 0;
}
