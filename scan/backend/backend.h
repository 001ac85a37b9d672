#pragma once
// Scanners behind one interface. The native one matches our own inventory against the advisory database.
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "scan/advisory/advisory.h"
#include "scan/model/image.h"
#include "scan/model/inventory.h"
#include "scan/model/verdict.h"
#include "scan/policy/policy.h"

namespace scangate {

struct ScanInput {
  ImageFacts image;
  Inventory inventory;
};

// Findings of matching and inspection, with place, layer and base filled from the image facts; then the policy's
// verdict. `database` null means that there is none: the verdict is undecided with the reason given in `no_database`,
// never a pass.
ScanResult scan_native(const ScanInput& input, const AdvisoryDatabase* database, const std::string& no_database,
                       const Policy& policy, const Clock& clock);

}  // namespace scangate
