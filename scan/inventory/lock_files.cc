// Lock files: what a project would install. Read only on demand, since nothing says that it is installed.
#include "base/json/json.h"
#include "base/text.h"
#include "scan/inventory/cataloger.h"
#include "scan/inventory/language_names.h"

namespace scangate::inventory {
namespace {

// The largest lock files of public projects have about 5 MB.
constexpr std::size_t kMaxLockBytes = 16U << 20U;

bool add_package(FileRecord& record, Package package) {
  if (package.name.empty() || package.version.empty()) return true;
  if (record.packages.size() >= kMaxPackagesPerFile) {
    record.problems.push_back({fmt::format("more than {} packages, the rest is not read", kMaxPackagesPerFile), true});
    return false;
  }
  package.source_name = package.name;
  package.source_version = package.version;
  record.packages.push_back(std::move(package));
  return true;
}

// docs.npmjs.com, "package-lock.json": "packages" by place since version 2, nested "dependencies" by name before.
class NpmLock final : public Cataloger {
 public:
  std::optional<Claim> claim(std::string_view path) const override {
    const std::string_view base = base_name(path);
    if (base != "package-lock.json" && base != "npm-shrinkwrap.json") return std::nullopt;
    return Claim{kMaxLockBytes};
  }

  FileRecord read(const FileContent& file) const override {
    FileRecord record{.role = Role::language, .system = "npm"};
    if (file.truncated) {
      record.problems.push_back(over_cap(kMaxLockBytes));
      return record;
    }
    const auto document = parse_json(tolerant_utf8(file.text), "package-lock.json");
    if (!document) {
      record.problems.push_back({document.error().cause(), true});
      return record;
    }
    constexpr std::string_view kFolder = "node_modules/";
    for (const auto& [place, entry] : json_object(*document, "packages").items()) {
      const std::size_t folder = place.rfind(kFolder);
      if (folder == std::string::npos) continue;  // the project itself or a workspace
      const std::string name = json_string(entry, "name", std::string_view(place).substr(folder + kFolder.size()));
      if (!add(record, name, json_string(entry, "version"))) return record;
    }
    if (!document->contains("packages")) add_nested(record, *document);
    return record;
  }

 private:
  static bool add(FileRecord& record, std::string_view name, std::string version) {
    Package package{.type = "npm"};
    if (version.size() > kMaxFieldBytes || !set_npm_name(package, name)) return true;
    package.version = std::move(version);
    return add_package(record, std::move(package));
  }

  // As deep as kMaxJsonDepth allows.
  static bool add_nested(FileRecord& record, const nlohmann::json& parent) {
    for (const auto& [name, entry] : json_object(parent, "dependencies").items())
      if (!add(record, name, json_string(entry, "version")) || !add_nested(record, entry)) return false;
    return true;
  }
};

// Poetry writes TOML of one shape: "[[package]]", then `name = "x"` and `version = "1"`, one a line.
class PoetryLock final : public Cataloger {
 public:
  std::optional<Claim> claim(std::string_view path) const override {
    if (base_name(path) != "poetry.lock") return std::nullopt;
    return Claim{kMaxLockBytes};
  }

  FileRecord read(const FileContent& file) const override {
    FileRecord record{.role = Role::language, .system = "python"};
    if (file.truncated) record.problems.push_back(over_cap(kMaxLockBytes));
    Package package{.type = "pypi"};
    bool in_package = false;
    std::string_view text = file.text;
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      const std::string_view line = trim(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (line.starts_with('[')) {
        // A table ends the one before it; lists inside a package are indented values, not tables.
        if (!add_package(record, std::exchange(package, {.type = "pypi"}))) return record;
        in_package = line == "[[package]]";
      } else if (in_package) {
        if (auto name = value_of(line, "name")) package.name = normalised_python_name(*name);
        if (auto version = value_of(line, "version")) package.version = *version;
      }
    }
    add_package(record, std::move(package));
    return record;
  }

 private:
  static std::optional<std::string_view> value_of(std::string_view line, std::string_view key) {
    if (!line.starts_with(key)) return std::nullopt;
    line = trim(line.substr(key.size()));
    if (!line.starts_with('=')) return std::nullopt;
    line = trim(line.substr(1));
    if (line.size() < 2 || line.size() > kMaxFieldBytes || line.front() != '"' || line.back() != '"')
      return std::nullopt;
    return line.substr(1, line.size() - 2);
  }
};

}  // namespace

const Cataloger& npm_lock_cataloger() {
  static const NpmLock kCataloger;
  return kCataloger;
}

const Cataloger& poetry_lock_cataloger() {
  static const PoetryLock kCataloger;
  return kCataloger;
}

}  // namespace scangate::inventory
