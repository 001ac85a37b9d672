#pragma once
// What every step of this folder works on: values of base/yaml.
#include "base/yaml/yaml.h"

namespace scangate::ci {

using yaml::Budget;
using yaml::Entry;
using yaml::error_at;
using yaml::kMaxMapEntries;
using yaml::Place;
using yaml::Value;

}  // namespace scangate::ci
