#pragma once
// The parsers' views as JSON text, for `scangate debug`: support and tests.
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/dockerfile/ast.h"
#include "pipeline/dockerfile/stages.h"

namespace scangate::dockerfile {

// {"name", "escape", "syntax", "args", "stages": [{"name", "base", "needs", "instructions": [{"name", "line", "column",
// "last_line", "text", …}]}], "warnings", "target", "order"}. Errors as resolve_stages().
Result<std::string> dockerfile_json(const Dockerfile& file, const StageOptions& options);

// [{"path", "ignored", "rule"}]: rule is the deciding pattern, null when none matched. Errors as IgnoreRules::parse().
Result<std::string> dockerignore_json(std::string_view text, std::string_view name,
                                      const std::vector<std::string>& paths);

// Each input line is "WORD" or "NAME=VALUE<TAB>NAME=VALUE<TAB>WORD" (the last field is the word); one JSON object a
// line: {"word", "result"} or {"word", "error"}.
std::string expand_json(std::string_view lines, char escape);

}  // namespace scangate::dockerfile
