#pragma once
// The words of `.gitlab-ci.yml`, for telling jobs from keywords and for "did you mean".
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "pipeline/ci/value.h"

namespace scangate::ci {

// Top-level keys that are not jobs.
bool is_reserved(std::string_view key);
std::span<const std::string> job_keywords();
std::span<const std::string> default_keywords();

// Fails at the first key of `map` that is not in `known`: "jobs:build: unknown keyword 'scrip' (did you mean
// 'script'?)".
Result<void> check_keys(const Value& map, std::span<const std::string> known, std::string_view where);

}  // namespace scangate::ci
