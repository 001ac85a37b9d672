#pragma once
// Checks on the image itself: its config and noted files. Each finding has a rule id, place, reason and remedy.
#include <vector>

#include "scan/model/finding.h"
#include "scan/model/image.h"
#include "scan/model/inventory.h"

namespace scangate {

// Rule ids: "exposed-port" (one a port, detail "22/tcp"), "root-user", "secret-in-env" (detail: the variable's name;
// its value is never copied), "no-healthcheck", "latest-base". What a rule means for the verdict is the policy's
// business.
std::vector<Finding> inspect_image(const ImageFacts& image, const Inventory& inventory);

struct InspectRule {
  const char* id;
  const char* title;
  const char* description;
};
// All rules, for documentation and for JUnit's passing cases.
const std::vector<InspectRule>& inspect_rules();

}  // namespace scangate
