#pragma once
// Licences as packages state them, as SPDX writes them. SPDX 2.3, Annex D "SPDX license expressions", and clause 10
// "Other licensing information detected".
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace scangate {

class SpdxLicences {
 public:
  // The expression for what a package states: "MIT", "Apache-2.0 OR MIT", "LicenseRef-BSD-License-1a2b3c4d" for words
  // that SPDX has no id for; "NOASSERTION" without any. Several are all to be kept to: joined with AND.
  std::string expression(const std::vector<std::string>& stated);
  // What each LicenseRef that was given out stands for.
  const std::map<std::string, std::string>& references() const { return references_; }

 private:
  std::string one(std::string_view stated);
  std::map<std::string, std::string> references_;
};

}  // namespace scangate
