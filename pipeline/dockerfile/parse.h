#pragma once
// Dockerfile text to AST. Pure: no file is read, nothing is expanded.
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/dockerfile/ast.h"

namespace scangate::dockerfile {

// Larger than any Dockerfile seen (the biggest public ones are below 200 kB) and small enough to parse in milliseconds.
inline constexpr std::size_t kMaxDockerfileBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMaxInstructions = 20'000;
inline constexpr std::size_t kMaxStages = 1'000;

// `name` is the file's name in messages and places. Errors: Fault::user, placed "name:line:column", for anything
// BuildKit's parser refuses too; unknown instructions and flags name the nearest known one.
Result<Dockerfile> parse_dockerfile(std::string_view text, std::string_view name);

}  // namespace scangate::dockerfile
