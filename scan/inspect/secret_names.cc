#include "scan/inspect/secret_names.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"

namespace scangate {
namespace {

bool is_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

}  // namespace

bool is_secret_name(std::string_view name) {
  const std::string lower = to_lower(name);
  // The words of a name; those at its end say what it holds: DB_PASSWORD is one, PASSWORD_MIN_LENGTH is none.
  std::vector<std::string> words = split(lower, '_');
  std::erase(words, "");
  if (words.empty()) return false;
  const std::string& last = words.back();
  const std::string_view before = words.size() > 1 ? std::string_view(words[words.size() - 2]) : std::string_view();
  if (is_any(last, {"password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "apikey", "credential",
                    "credentials"}))
    // PWD and OLDPWD are the shell's working directory.
    return lower != "pwd" && lower != "oldpwd";
  if (last == "pass") return words.size() > 1;
  for (const std::string_view tail : {"password", "passwd", "apikey", "secretkey", "accesstoken", "authtoken"})
    if (last.size() > tail.size() && last.ends_with(tail)) return true;
  // AWS_ACCESS_KEY_ID is half of a credential; the other half is the secret, but neither belongs in an image.
  if (last == "id") return lower.ends_with("access_key_id");
  if (last == "key" || last == "base")
    return is_any(before, {"api", "secret", "access", "private", "encryption", "signing", "account", "auth", "key",
                           "master"}) &&
           (last == "key" || lower.ends_with("secret_key_base"));
  return false;
}

bool may_be_secret_value(std::string_view value) {
  value = trim(value);
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
    value = trim(value.substr(1, value.size() - 2));
  if (value.empty()) return false;
  // A path or a variable: the secret itself comes when the container starts.
  if (value.starts_with('/') || value.starts_with("./") || value.starts_with("../") || value.starts_with('~') ||
      value.starts_with("file:"))
    return false;
  if (value.starts_with('$') || value.starts_with("{{") || (value.starts_with('<') && value.ends_with('>')))
    return false;
  const std::string lower = to_lower(value);
  if (is_any(lower, {"true", "false", "yes", "no", "on", "off", "none", "null", "nil", "undefined", "0", "1"}))
    return false;
  if (std::ranges::all_of(lower, [](char c) { return c == '*' || c == 'x' || c == '.' || c == '-' || c == '_'; }))
    return false;
  for (const std::string_view word :
       {"changeme", "change_me", "change-me", "placeholder", "replace_me", "replaceme", "replace-me", "your_", "your-",
        "example", "dummy", "todo", "set-me", "set_me", "redacted"})
    if (lower.find(word) != std::string::npos) return false;
  return true;
}

}  // namespace scangate
