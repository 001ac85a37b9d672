// deb-version(7). What dpkg only warns about (a version that starts with a letter, "_" in it) is ordered as dpkg orders
// it, since such packages get installed; what dpkg refuses is no version.
#include <algorithm>

#include "scan/advisory/version_schemes.h"

namespace scangate::versions {
namespace {

struct DpkgVersion {
  std::string_view epoch;
  std::string_view upstream;
  std::string_view revision;
};

std::optional<DpkgVersion> parse(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && blank(text.back()))
    text.remove_suffix(1);
  if (text.empty()) return std::nullopt;
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= ' '; }))
    return std::nullopt;
  DpkgVersion version;
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    version.epoch = text.substr(0, colon);
    if (version.epoch.empty() || !std::all_of(version.epoch.begin(), version.epoch.end(), is_digit))
      return std::nullopt;
    // dpkg reads the epoch as an int and refuses what does not fit: 2147483647 is the largest.
    if (compare_digits(version.epoch, "2147483647") > 0) return std::nullopt;
    text.remove_prefix(colon + 1);
  }
  if (const auto dash = text.rfind('-'); dash != std::string_view::npos) {
    version.revision = text.substr(dash + 1);
    if (version.revision.empty()) return std::nullopt;
    text = text.substr(0, dash);
  }
  if (text.empty()) return std::nullopt;
  version.upstream = text;
  return version;
}

// "~" before the end, the end before letters, letters before everything else.
int weight(std::string_view text) {
  if (text.empty() || is_digit(text.front())) return 0;
  const char c = text.front();
  if (c == '~') return -1;
  if (is_letter(c)) return c;
  return static_cast<unsigned char>(c) + 256;
}

int compare_part(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    while ((!a.empty() && !is_digit(a.front())) || (!b.empty() && !is_digit(b.front()))) {
      const int left = weight(a);
      const int right = weight(b);
      if (left != right) return left < right ? -1 : 1;
      if (!a.empty()) a.remove_prefix(1);
      if (!b.empty()) b.remove_prefix(1);
    }
    if (const int order = compare_digits(take_digits(a), take_digits(b)); order != 0) return order;
  }
  return 0;
}

}  // namespace

std::optional<int> compare_dpkg(std::string_view a, std::string_view b) {
  const auto left = parse(a);
  const auto right = parse(b);
  if (!left || !right) return std::nullopt;
  if (const int order = compare_digits(left->epoch, right->epoch); order != 0) return order;
  if (const int order = compare_part(left->upstream, right->upstream); order != 0) return order;
  return compare_part(left->revision, right->revision);
}

}  // namespace scangate::versions
