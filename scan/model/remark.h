#pragma once
// What is likely not meant as it stands in a text of the project, such as a Dockerfile: no finding of a scan, and no
// policy looks at it.
#include <string>

#include "scan/model/image.h"

namespace scangate {

struct Remark {
  std::string rule;  // BuildKit's names: "StageNameCasing"
  std::string text;
  SourcePlace place;  // line 0: of the whole file
  bool operator==(const Remark&) const = default;
};

}  // namespace scangate
