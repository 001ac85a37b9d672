// os-release(5).
#include <array>

#include "base/text.h"
#include "scan/inventory/cataloger.h"

namespace scangate::inventory {
namespace {

constexpr std::size_t kMaxOsReleaseBytes = 64U << 10U;  // real ones have under 1 kB

// The value of a shell assignment without expansions: bare, in single quotes, or in double quotes with backslashes.
std::string unquoted(std::string_view value) {
  value = trim(value);
  std::string out;
  char quote = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote && quote != 0) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && i + 1 < value.size()) {
      out += value[++i];
    } else if (quote == 0 && (c == ' ' || c == '\t')) {
      break;  // what follows is another word or a comment
    } else {
      out += c;
    }
  }
  return out;
}

class OsReleaseFile final : public Cataloger {
 public:
  std::optional<Claim> claim(std::string_view path) const override {
    if (base_name(path) != "os-release") return std::nullopt;
    return Claim{kMaxOsReleaseBytes};
  }

  FileRecord read(const FileContent& file) const override {
    FileRecord record{.role = Role::os_release, .system = "os-release"};
    if (file.truncated) record.problems.push_back(over_cap(kMaxOsReleaseBytes));
    OsRelease os;
    std::string_view text = file.text;
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      const std::string_view line = trim(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      const std::size_t equals = line.find('=');
      if (equals == std::string_view::npos || line.front() == '#') continue;
      if (std::string* const field = field_named(os, line.substr(0, equals)); field != nullptr)
        *field = unquoted(line.substr(equals + 1));
    }
    os.id = to_lower(os.id);
    if (os.id.empty())
      record.problems.push_back({"has no ID, so the distribution is unknown", true});
    else
      record.os = std::move(os);
    return record;
  }

  std::span<const std::string_view> anchors() const override {
    static constexpr std::array<std::string_view, 2> kAnchors = {"etc/os-release", "usr/lib/os-release"};
    return kAnchors;
  }

 private:
  static std::string* field_named(OsRelease& os, std::string_view name) {
    if (name == "ID") return &os.id;
    if (name == "VERSION_ID") return &os.version_id;
    if (name == "VERSION_CODENAME") return &os.version_codename;
    if (name == "PRETTY_NAME") return &os.pretty_name;
    if (name == "ID_LIKE") return &os.id_like;
    return nullptr;
  }
};

}  // namespace

const Cataloger& os_release_cataloger() {
  static const OsReleaseFile kCataloger;
  return kCataloger;
}

}  // namespace scangate::inventory
