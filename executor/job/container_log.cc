#include "executor/job/container_log.h"

#include <algorithm>

namespace scangate {

void ContainerLog::add(Stream stream, std::string text) {
  bytes_ += text.size();
  lines_.push_back({.stream = stream, .at = std::chrono::system_clock::now(), .text = std::move(text)});
  while (bytes_ > cap_bytes_ && !lines_.empty()) {
    bytes_ -= lines_.front().text.size();
    lines_.pop_front();
    ++first_;
  }
}

void ContainerLog::append(Stream stream, std::string_view text) {
  const std::lock_guard lock(mutex_);
  std::string& line = begun(stream);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t room = kMaxContainerLogLine - line.size();
    const std::size_t taken = std::min({end == std::string_view::npos ? text.size() : end + 1, text.size(), room});
    line += text.substr(0, taken);
    text.remove_prefix(taken);
    if (line.back() == '\n' || line.size() >= kMaxContainerLogLine) add(stream, std::exchange(line, {}));
  }
  changed_.notify_all();
}

void ContainerLog::close() {
  const std::lock_guard lock(mutex_);
  for (const Stream stream : {Stream::out, Stream::err})
    if (!begun(stream).empty()) add(stream, std::exchange(begun(stream), {}));
  closed_ = true;
  changed_.notify_all();
}

void ContainerLog::reopen() {
  const std::lock_guard lock(mutex_);
  closed_ = false;
}

std::vector<LogLine> ContainerLog::read(std::uint64_t& from, std::chrono::milliseconds wait, bool& over) {
  std::unique_lock lock(mutex_);
  const auto there = [&] { return closed_ || first_ + lines_.size() > from; };
  if (wait.count() > 0) changed_.wait_for(lock, wait, there);
  from = std::max(from, first_);
  std::vector<LogLine> out;
  for (; from < first_ + lines_.size(); ++from)
    out.push_back(lines_[from - first_]);
  over = closed_;
  return out;
}

std::uint64_t ContainerLog::last(std::uint64_t count) const {
  const std::lock_guard lock(mutex_);
  return first_ + lines_.size() - std::min<std::uint64_t>(count, lines_.size());
}

std::string ContainerLog::text() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& line : lines_)
    out += line.text;
  return out + begun_[0] + begun_[1];
}

}  // namespace scangate
