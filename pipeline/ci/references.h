#pragma once
// `!reference [job, key]` and `extends:`, the two ways a configuration uses parts of itself.
#include "pipeline/ci/value.h"

namespace scangate::ci {

// Puts in place of every `!reference` what it names, also in what was named. Fault::user for a path that is not there,
// a circle, or nesting beyond kMaxReferenceDepth.
Result<Value> resolve_references(const Value& root, Budget& budget);

// Replaces every job that extends others by the merge of them; `extends` itself is gone afterwards. Fault::user for an
// unknown base, a circle, or nesting beyond kMaxExtendsDepth.
Result<Value> resolve_extends(Value root, Budget& budget);

}  // namespace scangate::ci
