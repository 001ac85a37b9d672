#pragma once
// WWW-Authenticate of a 401. RFC 9110 section 11.6.1; Docker token authentication ("spec/auth/token").
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace scangate {

struct Challenge {
  std::string scheme;                             // lower case: "basic", "bearer"
  std::map<std::string, std::string> parameters;  // names in lower case
};

// All challenges of one header value; what cannot be read ends the list.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace scangate
