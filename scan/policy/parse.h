#pragma once
// From YAML to one layer of rules. docs/policy.md describes the language.
#include <string_view>

#include "base/error.h"
#include "scan/policy/policy_state.h"

namespace scangate {

// Errors: Fault::user, "file:line:column: cause".
Result<PolicyLayer> parse_policy_layer(std::string_view text, std::string_view place);

}  // namespace scangate
