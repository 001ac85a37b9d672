#include "executor/console/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/json/json.h"
#include "base/text.h"

namespace scangate {
namespace {

constexpr std::size_t kBarsShown = 6;
// A line without an end is shown once it is this long: a program that prints no newline must not fill the memory.
constexpr std::size_t kMaxPartialLine = 16384;
constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr auto kTellEvery = std::chrono::seconds(3);

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
  }
  return "info";
}

std::string amount(std::uint64_t done, std::uint64_t total) {
  return total == 0 ? human_bytes(done) : human_bytes(done) + " of " + human_bytes(total);
}

std::string bar(std::uint64_t done, std::uint64_t total) {
  constexpr std::uint64_t kWidth = 24;
  if (total == 0) return "[" + std::string(kWidth, '.') + "]";
  const std::uint64_t full = std::min(kWidth, done * kWidth / total);
  return "[" + std::string(full, '#') + std::string(kWidth - full, '.') + "]";
}

std::size_t columns(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

}  // namespace

ConsoleMode detect_console_mode(int fd, std::string_view term) {
  return isatty(fd) == 1 && !term.empty() && term != "dumb" ? ConsoleMode::tty : ConsoleMode::plain;
}

Console::Console(int fd, ConsoleMode mode, Level lowest) : fd_(fd), mode_(mode), lowest_(lowest) {}

Console::~Console() {
  const std::lock_guard lock(mutex_);
  wipe();
  for (const auto& [item, text] : partial_)
    if (!text.empty()) put((item.empty() ? text : item + " " + text) + "\n");
}

void Console::put(std::string_view text) {
  static_cast<void>(write_fd(fd_, as_bytes(text), "the log"));
}

void Console::wipe() {
  if (drawn_lines_ == 0) return;
  put(fmt::format("\x1b[{}A\x1b[J", drawn_lines_));
  drawn_lines_ = 0;
}

void Console::draw() {
  if (mode_ != ConsoleMode::tty || transfers_.empty()) return;
  last_draw_ = SteadyClock::now();
  const std::size_t width = columns(fd_);
  std::string text;
  for (const auto& [item, transfer] : transfers_) {
    if (drawn_lines_ == kBarsShown) break;
    std::string row = fmt::format("  {:<28.28} {} {}", item, bar(transfer.done, transfer.total),
                                  amount(transfer.done, transfer.total));
    text += row.substr(0, width - 1) + "\n";
    ++drawn_lines_;
  }
  put(text);
}

void Console::line(Level level, std::string_view text) {
  if (mode_ == ConsoleMode::quiet ? level != Level::warning : level < lowest_) return;
  const std::lock_guard lock(mutex_);
  if (mode_ == ConsoleMode::json) {
    put(dump_json(nlohmann::json{{"event", "line"}, {"level", level_name(level)}, {"text", std::string(text)}}) + "\n");
    return;
  }
  wipe();
  put((level == Level::warning ? "warning: " : "") + printable(text) + "\n");
  draw();
}

void Console::mark(std::string_view raw) {
  if (mode_ != ConsoleMode::job) return;
  const std::lock_guard lock(mutex_);
  for (auto& [item, text] : partial_) {
    if (!text.empty()) put((item.empty() ? text : item + " " + text) + "\n");
    text.clear();
  }
  put(raw);
}

void Console::bytes(std::string_view item, std::uint64_t done, std::uint64_t total) {
  if (mode_ == ConsoleMode::quiet) return;
  const std::lock_guard lock(mutex_);
  const auto now = SteadyClock::now();
  auto found = transfers_.find(item);
  const bool is_new = found == transfers_.end();
  if (is_new) found = transfers_.emplace(std::string(item), Transfer{.told = now}).first;
  found->second.done = done;
  found->second.total = total;
  const bool finished = total != 0 && done >= total;
  const bool tell = !is_new && now - found->second.told >= kTellEvery;
  if (mode_ == ConsoleMode::json) {
    if (tell || finished)
      put(dump_json(nlohmann::json{{"event", "bytes"}, {"item", std::string(item)}, {"done", done}, {"total", total}}) +
          "\n");
  } else if (mode_ != ConsoleMode::tty && tell && !finished) {
    put(fmt::format("  {}: {}\n", item, amount(done, total)));
  }
  if (tell) found->second.told = now;
  if (finished) transfers_.erase(found);
  if (mode_ == ConsoleMode::tty && (finished || now - last_draw_ >= kRedraw)) {
    wipe();
    draw();
  }
}

void Console::output(std::string_view item, std::string_view text) {
  if (mode_ == ConsoleMode::quiet) return;
  const std::lock_guard lock(mutex_);
  if (mode_ == ConsoleMode::json) {
    put(dump_json(nlohmann::json{{"event", "output"}, {"item", std::string(item)}, {"text", std::string(text)}}) +
        "\n");
    return;
  }
  auto found = partial_.find(item);
  if (found == partial_.end()) found = partial_.emplace(std::string(item), std::string()).first;
  std::string& pending = found->second;
  pending += text;
  std::string lines;
  const auto show = [&](std::string_view row) {
    // A progress bar of the program rewrites its line: what stands after the last carriage return is what a terminal
    // would show.
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (const std::size_t back = row.rfind('\r'); back != std::string_view::npos) row.remove_prefix(back + 1);
    lines += item.empty() ? std::string(row) + "\n" : std::string(item) + " " + std::string(row) + "\n";
  };
  std::size_t begin = 0;
  for (std::size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', begin)) {
    show(std::string_view(pending).substr(begin, end - begin));
    begin = end + 1;
  }
  pending.erase(0, begin);
  if (pending.size() > kMaxPartialLine) {
    show(pending);
    pending.clear();
  }
  if (lines.empty()) return;
  wipe();
  put(lines);
  draw();
}

}  // namespace scangate
