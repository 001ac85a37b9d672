#pragma once
// The part of Go's text/template that --format options are written in: fields, {{json .X}}, index, range, if, and
// docker's own helpers. Source: https://pkg.go.dev/text/template and https://docs.docker.com/engine/cli/formatting/.
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate {

// A person writes a line; nesting and output of a hostile one are bounded.
inline constexpr std::size_t kMaxTemplateBytes = 64U << 10U;
inline constexpr int kMaxTemplateDepth = 30;
inline constexpr std::size_t kMaxTemplateOutput = 16U << 20U;

// `format` filled with the members of `json`, a JSON document of ours. Errors, Fault::user: bad syntax, a field that is
// not there (members of maps are: "<no value>"), and functions that are not served, by name.
Result<std::string> fill_template(std::string_view format, std::string_view json);

}  // namespace scangate
