#pragma once
// `spec: inputs` of an included file and `$[[ inputs.NAME ]]` in it.
// https://docs.gitlab.com/ci/inputs/
#include "pipeline/ci/value.h"

namespace scangate::ci {

// The configuration of a file with its inputs filled in. `documents` is what yaml::read() gave: the configuration alone,
// or a header with `spec:` before it. `given` is the map of `include:inputs`, null when there is none; `include_place`
// is where a missing input is reported. Input types string, number, boolean, array; `default`, `options`, `regex`. A
// scalar that is one `$[[ … ]]` keeps the input's type. Functions (`| expand_vars`) are refused as not supported yet.
Result<Value> fill_inputs(std::vector<Value> documents, const Value& given, const Place& include_place, Budget& budget);

}  // namespace scangate::ci
