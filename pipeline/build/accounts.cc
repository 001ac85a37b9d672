#include "pipeline/build/accounts.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace scangate::build {
namespace {

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

struct User {
  std::string name;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string home;
};

std::optional<User> find_user(std::string_view wanted, std::string_view passwd) {
  const auto number = number_of(wanted);
  std::optional<User> by_number;
  for (const std::string& line : split(passwd, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 6) continue;
    const auto uid = number_of(fields[2]);
    const auto gid = number_of(fields[3]);
    if (!uid || !gid) continue;
    User user{fields[0], *uid, *gid, fields[5]};
    // A name wins over a number that looks the same.
    if (user.name == wanted) return user;
    if (number && *uid == *number && !by_number) by_number = std::move(user);
  }
  return by_number;
}

std::optional<std::uint32_t> find_group(std::string_view wanted, std::string_view group) {
  for (const std::string& line : split(group, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() >= 3 && fields[0] == wanted) return number_of(fields[2]);
  }
  return std::nullopt;
}

Result<std::uint32_t> group_number(std::string_view text, const Accounts& accounts) {
  if (auto found = find_group(text, accounts.group)) return *found;
  if (auto number = number_of(text)) return *number;
  return fail(Fault::user, fmt::format("the image has no group '{}'", printable(text)));
}

struct Parts {
  std::string_view user;
  std::optional<std::string_view> group;
};

Parts parts_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Error no_user(std::string_view name) {
  return {Fault::user, fmt::format("the image has no user '{}'", printable(name))};
}

}  // namespace

Result<Owner> parse_owner(std::string_view text, const Accounts& accounts) {
  const auto [user, group] = parts_of(text);
  Owner owner;
  std::optional<std::uint32_t> primary;
  if (auto number = number_of(user)) {
    owner.uid = *number;
  } else if (!user.empty()) {
    const auto found = find_user(user, accounts.passwd);
    if (!found) return fail(no_user(user));
    owner.uid = found->uid;
    primary = found->gid;
  }
  if (!group || group->empty()) {
    // The reference says the user's number for both; every builder takes the group that passwd gives to a name.
    owner.gid = primary.value_or(owner.uid);
    return owner;
  }
  SCANGATE_TRY(owner.gid, group_number(*group, accounts));
  return owner;
}

Result<RunUser> parse_run_user(std::string_view text, const Accounts& accounts) {
  auto [name, group] = parts_of(text);
  if (name.empty()) name = "0";
  RunUser user;
  const auto found = find_user(name, accounts.passwd);
  if (found) {
    user.owner = {found->uid, found->gid};
    if (!found->home.empty()) user.home = found->home;
  } else if (auto number = number_of(name)) {
    user.owner.uid = *number;
    if (*number == 0) user.home = "/root";
  } else {
    return fail(no_user(name));
  }
  // The primary group is in the list, too: else a process that gives up its primary group would lose what a file denies
  // that group. CVE-2022-36109.
  if (group && !group->empty()) {
    SCANGATE_TRY(user.owner.gid, group_number(*group, accounts));
    user.groups = {user.owner.gid};
    return user;
  }
  user.groups = {user.owner.gid};
  if (!found) return user;
  for (const std::string& line : split(accounts.group, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 4) continue;
    const auto members = split(fields[3], ',');
    const auto gid = number_of(fields[2]);
    if (gid && gid != user.owner.gid && std::ranges::find(members, found->name) != members.end() &&
        user.groups.size() < 1000)
      user.groups.push_back(*gid);
  }
  return user;
}

}  // namespace scangate::build
