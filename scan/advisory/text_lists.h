#pragma once
// Texts as the database keeps them: lists with a line an item, and prose cut to size.
#include <string>
#include <string_view>
#include <vector>

namespace scangate {

std::string join_lines(const std::vector<std::string>& lines);
std::vector<std::string> split_lines(std::string_view text);
// At most `max_bytes`, ending on a whole UTF-8 character; "…" where something was left out.
std::string cut_text(std::string text, std::size_t max_bytes);
// Printable, every run of blanks and line ends one space.
std::string one_line(std::string_view text);

}  // namespace scangate
