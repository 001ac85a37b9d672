#pragma once
// The words policies and reports have for whether a fix is there.
#include <string_view>

#include "scan/model/finding.h"

namespace scangate {

// "available", "none", "will-not-fix", "unknown"
std::string_view fix_name(FixState fix);

}  // namespace scangate
