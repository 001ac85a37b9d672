#pragma once
// Typed reading of located values: each function gives the value or says what was expected where. `where` is the path
// in GitLab's notation, "jobs:build:artifacts".
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/ci/value.h"
#include "pipeline/ci/variables.h"

namespace scangate::ci {

// "WHERE: expected EXPECTED, found a list" at the value.
Error wrong_type(const Value& value, std::string_view where, std::string_view expected);

Result<std::string> read_text(const Value& value, std::string_view where);  // any scalar
Result<bool> read_bool(const Value& value, std::string_view where);
Result<std::int64_t> read_integer(const Value& value, std::string_view where, std::int64_t least, std::int64_t most);
// A list of scalars. Lists in it, as references leave them, are flattened.
Result<std::vector<std::string>> read_texts(const Value& value, std::string_view where);
// The same, also taking one scalar for a list of one.
Result<std::vector<std::string>> read_text_or_texts(const Value& value, std::string_view where);
// One of `words`, else an Error with the nearest.
Result<std::string> read_word(const Value& value, std::string_view where, std::span<const std::string> words);
Result<void> expect_map(const Value& value, std::string_view where);
// "1h 30m", "3 hours 20 minutes", "90": seconds. GitLab reads them with ChronicDuration.
Result<std::int64_t> read_duration(const Value& value, std::string_view where);
// "jobs:NAME:KEY"
std::string job_path(std::string_view job, std::string_view key);

// Members of `variables:` into `into`. `{value, description, options, expand}` and scalars.
Result<void> read_variables(const Value& map, std::string_view where, VariableOrigin origin, Variables& into);

// Expands a text of the configuration with a job's variables, within the pipeline's budget.
class Expander {
 public:
  Expander(const Variables& variables, Budget& budget) : variables_(variables), budget_(budget) {}
  Result<std::string> operator()(std::string_view text, const Place& place) const;
  Result<void> operator()(std::vector<std::string>& texts, const Place& place) const;

 private:
  const Variables& variables_;
  Budget& budget_;
};

}  // namespace scangate::ci
