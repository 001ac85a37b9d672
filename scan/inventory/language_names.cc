#include "scan/inventory/language_names.h"

#include "base/text.h"
#include "scan/inventory/cataloger.h"

namespace scangate::inventory {

std::string normalised_python_name(std::string_view name) {
  std::string out;
  for (const char c : to_lower(trim(name))) {
    const bool separator = c == '-' || c == '_' || c == '.';
    if (!separator)
      out += c;
    else if (!out.ends_with('-'))
      out += '-';
  }
  return out;
}

bool set_npm_name(Package& package, std::string_view name) {
  if (name.empty() || name.size() > kMaxFieldBytes) return false;
  if (name.front() == '@') {
    const std::size_t slash = name.find('/');
    if (slash == std::string_view::npos || slash == 1 || slash + 1 == name.size()) return false;
    package.name_space = name.substr(0, slash);
    name.remove_prefix(slash + 1);
  }
  package.name = name;
  return true;
}

std::string tolerant_utf8(std::string_view text) {
  std::string out(text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text);
  if (!is_utf8(out))
    for (char& c : out)
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return out;
}

}  // namespace scangate::inventory
