#pragma once
// One logical line to one typed instruction.
#include <string_view>

#include "base/error.h"
#include "pipeline/dockerfile/ast.h"
#include "pipeline/dockerfile/lines.h"

namespace scangate::dockerfile {

// Errors: Fault::user, placed in `file_name`.
Result<Instruction> parse_instruction(const LogicalLine& line, char escape, std::string_view file_name);

}  // namespace scangate::dockerfile
