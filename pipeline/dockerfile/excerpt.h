#pragma once
// What a message about a Dockerfile shows of it: the line, and a caret below the column.
#include <string>
#include <string_view>

#include "base/error.h"
#include "pipeline/dockerfile/ast.h"

namespace scangate::dockerfile {

// As much of a line as a terminal shows; the rest of a long one is cut off on both sides of the column.
inline constexpr std::size_t kMaxExcerptBytes = 120;

// "  7 | COPPY . .\n    | ^", without a line end; empty for a line that `text` does not have. Control characters are
// replaced.
std::string excerpt(std::string_view text, Place place);

// Of a long instruction, a heredoc as a rule: where it begins says which one it is.
inline constexpr int kMaxExcerptLines = 10;

// All lines of an instruction, marked: "  7 | >>> RUN make && \\\n  8 | >>>     make install". The numbers stand below
// each other, "… 5 more lines" below the last one shown. Empty for lines that `text` does not have.
std::string excerpt_lines(std::string_view text, int first, int last);

// The excerpt for an error that is placed in the file called `name` ("name:7:1"); empty for any other.
std::string excerpt_of(const Error& error, std::string_view text, std::string_view name);

}  // namespace scangate::dockerfile
