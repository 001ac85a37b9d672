#pragma once
// What the builder knows of an image and the registry does not: kept in the store, so that a later scan or push still
// names Dockerfile lines.
#include <string>
#include <string_view>

#include "base/error.h"
#include "scan/model/image.h"

namespace scangate {

// Places, stages, base border, base name and Dockerfile of `facts`, as text.
std::string build_facts_text(const ImageFacts& facts);
// Lays them over `facts` of the same image. A text that does not fit it (another number of layers, damaged) is
// Fault::host.
Result<void> apply_build_facts(std::string_view text, ImageFacts& facts);

}  // namespace scangate
