#pragma once
// The single keywords of a job, each from its value. `where` as in reader.h.
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/ci/pipeline.h"
#include "pipeline/ci/reader.h"

namespace scangate::ci {

// One string, or lists in lists of strings (as references and anchors leave them), flattened.
Result<std::vector<ScriptLine>> read_script(const Value& value, std::string_view where);
Result<Image> read_image(const Value& value, std::string_view where, const Expander& expand);
Result<std::vector<Service>> read_services(const Value& value, std::string_view where, const Expander& expand);
Result<Artifacts> read_artifacts(const Value& value, std::string_view where, const Expander& expand);
Result<std::vector<Cache>> read_caches(const Value& value, std::string_view where, const Expander& expand);
Result<Retry> read_retry(const Value& value, std::string_view where);
Result<AllowFailure> read_allow_failure(const Value& value, std::string_view where);
Result<When> read_when(const Value& value, std::string_view where);
// The environment's name: `environment: name` or `environment: {name: …}`; empty when only other keys are there.
Result<std::string> read_environment(const Value& value, std::string_view where, const Expander& expand);

// What a job needs, by the names written; a need for another project's or pipeline's job gives a warning and nothing
// else.
Result<std::vector<Need>> read_needs(const Value& value, std::string_view where, std::vector<Warning>& warnings);

// The variables of each parallel copy, with the copy's name. Empty when the job is not parallel.
struct ParallelCopy {
  std::string name;
  std::vector<std::pair<std::string, std::string>> variables;
  Place place;
};
Result<std::vector<ParallelCopy>> read_parallel(const Value& value, std::string_view job, std::string_view where);

}  // namespace scangate::ci
