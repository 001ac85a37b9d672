#include "scan/report/spdx_licence.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/digest.h"
#include "base/text.h"
#include "scan/report/report_text.h"

namespace scangate {
namespace {

// The ids that packages of distributions, PyPI and npm state, of https://spdx.org/licenses. Anything else becomes a
// reference with the package's own words, which is valid whatever they are: an id that SPDX does not have is not.
constexpr auto kIds = std::to_array<std::string_view>({
    "0BSD",
    "AFL-2.1",
    "AFL-3.0",
    "AGPL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.1",
    "Apache-2.0",
    "APSL-2.0",
    "Artistic-1.0",
    "Artistic-1.0-Perl",
    "Artistic-2.0",
    "BlueOak-1.0.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-2-Clause-Patent",
    "BSD-3-Clause",
    "BSD-4-Clause",
    "BSL-1.0",
    "bzip2-1.0.6",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDDL-1.1",
    "CPL-1.0",
    "curl",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.2",
    "FTL",
    "GFDL-1.3-or-later",
    "GPL-1.0-or-later",
    "GPL-2.0",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "ICU",
    "IJG",
    "ISC",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "Libpng",
    "libtiff",
    "MIT",
    "MIT-0",
    "MPL-1.1",
    "MPL-2.0",
    "NCSA",
    "OFL-1.1",
    "OLDAP-2.8",
    "OpenSSL",
    "PHP-3.01",
    "PostgreSQL",
    "PSF-2.0",
    "Python-2.0",
    "Ruby",
    "Sleepycat",
    "Unicode-DFS-2016",
    "Unlicense",
    "UPL-1.0",
    "Vim",
    "W3C",
    "WTFPL",
    "X11",
    "Zlib",
    "ZPL-2.1",
});
// The longest licence field that is no licence text has some 200 bytes; the rest of a text adds nothing to an id.
constexpr std::size_t kMaxStatedBytes = 1'000;
// As the inventory has them at most: npm's old form lists some.
constexpr std::size_t kMaxLicences = 32;

bool is_id(std::string_view word) {
  return std::ranges::find(kIds, word) != kIds.end();
}

// Ids, joined with AND and OR.
bool is_expression(std::string_view text) {
  const auto words = split(text, ' ');
  if (words.size() % 2 == 0) return false;
  for (std::size_t i = 0; i < words.size(); ++i)
    if (i % 2 == 0 ? !is_id(words[i]) : words[i] != "AND" && words[i] != "OR") return false;
  return true;
}

}  // namespace

std::string SpdxLicences::one(std::string_view stated) {
  const std::string words = report_line(trim(stated), kMaxStatedBytes);
  if (words.empty()) return "";
  if (is_expression(words)) return words;
  std::string id = "LicenseRef-";
  // An id that a reader recognises, of the characters that Annex D allows.
  constexpr std::size_t kShownBytes = 30;
  for (const char c : words.substr(0, kShownBytes))
    id += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ? c : '-';
  id += "-" + Digest::of(words).hex().substr(0, 8);
  references_.emplace(id, words);
  return id;
}

std::string SpdxLicences::expression(const std::vector<std::string>& stated) {
  std::vector<std::string> parts;
  for (const auto& each : stated) {
    std::string part = one(each);
    if (!part.empty() && parts.size() < kMaxLicences && std::ranges::find(parts, part) == parts.end())
      parts.push_back(std::move(part));
  }
  if (parts.empty()) return "NOASSERTION";
  if (parts.size() > 1)
    for (auto& part : parts)
      if (part.find(' ') != std::string::npos) part = "(" + part + ")";
  return fmt::format("{}", fmt::join(parts, " AND "));
}

}  // namespace scangate
