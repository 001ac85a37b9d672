#pragma once
// Users and groups of an image, by its own /etc/passwd and /etc/group (passwd(5), group(5)).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::build {

// Files of real systems have some hundred lines.
inline constexpr std::size_t kMaxAccountsBytes = 4 * 1024 * 1024;

struct Accounts {
  std::string passwd;  // texts of the files, empty when missing
  std::string group;
};

struct Owner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool operator==(const Owner&) const = default;
};

struct RunUser {
  Owner owner;
  std::vector<std::uint32_t> groups;  // supplementary; the primary one first
  std::string home = "/";
};

// --chown: "user", "user:group", names or numbers; a name alone brings its primary group, a number alone is the group
// as well. Errors: Fault::user for a name the image does not know.
Result<Owner> parse_owner(std::string_view text, const Accounts& accounts);

// USER: "user[:group]"; a user alone gets its primary group (0 when it has no line) and the groups that list it. Empty
// is root.
Result<RunUser> parse_run_user(std::string_view text, const Accounts& accounts);

}  // namespace scangate::build
