#pragma once
// Names of language packages in the form advisories use.
#include <string>
#include <string_view>

#include "scan/model/package.h"

namespace scangate::inventory {

// PEP 503: lower case, runs of "-", "_" and "." become one dash.
std::string normalised_python_name(std::string_view name);

// Sets name and name_space ("@babel/core" is name "core" in namespace "@babel"); false when `name` is no npm name.
bool set_npm_name(Package& package, std::string_view name);

// `text` with bytes that are no UTF-8 replaced by "?": JavaScript reads such files, our JSON parser refuses them.
std::string tolerant_utf8(std::string_view text);

}  // namespace scangate::inventory
