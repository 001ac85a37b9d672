#include "scan/inventory/path_list.h"

#include <algorithm>

namespace scangate::inventory {
namespace {

// Seven bits a byte, lowest first; the high bit says that more follow.
void append_number(std::string& out, std::size_t number) {
  for (; number >= 0x80; number >>= 7)
    out += static_cast<char>((number & 0x7F) | 0x80);
  out += static_cast<char>(number);
}

}  // namespace

void PathList::add(std::string_view path) {
  if (path.size() > kMaxPathBytes) return;
  const auto differs = std::ranges::mismatch(path, last_);
  const auto shared = static_cast<std::size_t>(differs.in1 - path.begin());
  append_number(encoded_, shared);
  append_number(encoded_, path.size() - shared);
  encoded_ += path.substr(shared);
  last_.resize(shared);
  last_ += path.substr(shared);
}

std::optional<PathList> PathList::decode(std::string encoded) {
  PathList list;
  list.encoded_ = std::move(encoded);
  Reader reader(list);
  for (std::string_view path; reader.next(path);)
    list.last_ = path;
  if (reader.damaged()) return std::nullopt;
  return list;
}

std::optional<std::size_t> PathList::Reader::number() {
  std::size_t value = 0;
  for (unsigned shift = 0; shift <= 14 && !rest_.empty(); shift += 7) {  // kMaxPathBytes fits two bytes
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<std::size_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

bool PathList::Reader::next(std::string_view& path) {
  if (rest_.empty() || damaged_) return false;
  const auto shared = number();
  const auto added = shared ? number() : std::nullopt;
  if (!added || *shared > path_.size() || *added > rest_.size() || *shared + *added > kMaxPathBytes) {
    damaged_ = true;
    return false;
  }
  path_.resize(*shared);
  path_ += rest_.substr(0, *added);
  rest_.remove_prefix(*added);
  path = path_;
  return true;
}

}  // namespace scangate::inventory
