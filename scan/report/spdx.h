#pragma once
// What images hold as an SPDX 2.3 document in JSON: their software bill of materials.
// https://spdx.github.io/spdx-spec/v2.3/
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "scan/model/image.h"
#include "scan/model/inventory.h"

namespace scangate {

inline constexpr std::string_view kSpdxVersion = "SPDX-2.3";

// Both outlive the call.
struct SpdxSubject {
  const ImageFacts& image;
  const Inventory& inventory;
};

// One document over all of them, valid against its schema whatever the images hold. The same input gives the same text.
// What was seen and not understood is named in the document's comment: a reader sees that packages may be missing.
std::string spdx_document(const std::vector<SpdxSubject>& subjects, TimePoint created, std::string_view tool_version);

}  // namespace scangate
