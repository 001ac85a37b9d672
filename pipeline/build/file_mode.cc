#include "pipeline/build/file_mode.h"

#include <algorithm>

#include "base/text.h"

namespace scangate::build {
namespace {

constexpr std::uint32_t kSetUser = 04000;
constexpr std::uint32_t kSetGroup = 02000;
constexpr std::uint32_t kSticky = 01000;

std::uint32_t class_bits(char c) {
  switch (c) {
    case 'u':
      return kSetUser | 0700;
    case 'g':
      return kSetGroup | 0070;
    case 'o':
      return kSticky | 0007;
    default:
      return 07777;
  }
}

// rwx of one class, as the lowest three bits.
std::uint32_t permissions_of(std::uint32_t mode, std::uint32_t of_class) {
  if (of_class == 0700) return (mode >> 6U) & 7U;
  if (of_class == 0070) return (mode >> 3U) & 7U;
  return mode & 7U;
}

}  // namespace

Result<ModeChange> ModeChange::parse(std::string_view text) {
  ModeChange change;
  const auto bad = [&] {
    return fail(Error(Fault::user, fmt::format("'{}' is not a mode", printable(text)))
                    .remedy("write an octal mode such as 755 or a symbolic one such as u=rwX,go=rX"));
  };
  if (text.empty() || text.size() > kMaxModeBytes) return bad();
  if (std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '7'; })) {
    if (text.size() > 5) return bad();
    Action action;
    for (const char c : text)
      action.bits = action.bits * 8 + static_cast<std::uint32_t>(c - '0');
    if (action.bits > 07777) return bad();
    change.number_ = action.bits;
    change.actions_.push_back(action);
    return change;
  }
  for (const std::string& clause : split(text, ',')) {
    std::size_t at = 0;
    std::uint32_t who = 0;
    while (at < clause.size() && std::string_view("ugoa").find(clause[at]) != std::string_view::npos)
      who |= class_bits(clause[at++]);
    if (who == 0) who = 07777;
    if (at == clause.size()) return bad();
    while (at < clause.size()) {
      Action action;
      action.op = clause[at++];
      if (action.op != '+' && action.op != '-' && action.op != '=') return bad();
      action.who = who;
      if (at < clause.size() && std::string_view("ugo").find(clause[at]) != std::string_view::npos) {
        action.copy = class_bits(clause[at++]) & 0777U;
      } else {
        for (; at < clause.size() && std::string_view("+-=").find(clause[at]) == std::string_view::npos; ++at) {
          switch (clause[at]) {
            case 'r':
              action.bits |= 0444;
              break;
            case 'w':
              action.bits |= 0222;
              break;
            case 'x':
              action.bits |= 0111;
              break;
            case 'X':
              action.x_if_useful = true;
              break;
            case 's':
              action.bits |= kSetUser | kSetGroup;
              break;
            case 't':
              action.bits |= kSticky;
              break;
            default:
              return bad();
          }
        }
      }
      change.actions_.push_back(action);
    }
  }
  return change;
}

std::uint32_t ModeChange::apply(std::uint32_t mode, Kind kind) const {
  mode &= 07777U;
  for (const Action& action : actions_) {
    std::uint32_t bits = action.bits;
    if (action.copy != 0) bits = permissions_of(mode, action.copy) * 0111U;
    if (action.x_if_useful && (kind == Kind::folder || (mode & 0111U) != 0)) bits |= 0111;
    bits &= action.who;
    if (action.op == '+')
      mode |= bits;
    else if (action.op == '-')
      mode &= ~bits;
    else
      mode = (mode & ~action.who) | bits;
  }
  return mode;
}

}  // namespace scangate::build
