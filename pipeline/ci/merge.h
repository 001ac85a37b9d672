#pragma once
// How GitLab puts two configurations together.
#include "pipeline/ci/value.h"

namespace scangate::ci {

// `over` on top of `base`: maps member by member, everything else is replaced. Order: the base's keys, then new ones.
// What is copied is charged to the budget.
Result<Value> deep_merge(Value base, const Value& over, Budget& budget);

}  // namespace scangate::ci
