#include "executor/console/last_lines.h"

#include <algorithm>

namespace scangate {
namespace {

// A program that ends no line must not fill the memory; a console shows a line of this length in pieces, too.
constexpr std::size_t kMaxLineBytes = 16384;

}  // namespace

void LastLines::output(std::string_view item, std::string_view text) {
  next_.output(item, text);
  const std::lock_guard lock(mutex_);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view piece = text.substr(0, end == std::string_view::npos ? end : end + 1);
    text.remove_prefix(piece.size());
    // Programs that run at once write in turns: a piece belongs to its own program's open line.
    const auto open = std::find_if(lines_.begin(), lines_.end(), [&](const Line& line) {
      return line.item == item && !line.text.ends_with('\n') && line.text.size() < kMaxLineBytes;
    });
    if (open != lines_.end())
      open->text.append(piece.substr(0, kMaxLineBytes));
    else
      lines_.push_back({std::string(item), std::string(piece.substr(0, kMaxLineBytes))});
    if (lines_.size() > kLastLines) lines_.pop_front();
  }
}

void LastLines::repeat(Progress& to) const {
  const std::lock_guard lock(mutex_);
  for (const auto& line : lines_)
    to.output(line.item, line.text.ends_with('\n') ? line.text : line.text + "\n");
}

}  // namespace scangate
