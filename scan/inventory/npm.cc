// Installed npm packages: the package.json directly in a folder of node_modules (docs.npmjs.com, "folders" and
// "package.json"). Others, deeper in a package, are its tests' or its parts'.
#include <algorithm>

#include "base/json/json.h"
#include "scan/inventory/cataloger.h"
#include "scan/inventory/language_names.h"

namespace scangate::inventory {
namespace {

// The largest package.json on npm have about 1 MB (generated "exports" maps).
constexpr std::size_t kMaxPackageJsonBytes = 4U << 20U;

bool is_installed_package(std::string_view path) {
  if (base_name(path) != "package.json") return false;
  const std::string_view folder = parent_path(path);
  const std::string_view name = base_name(folder);
  if (name.empty() || name.front() == '.') return false;
  std::string_view above = parent_path(folder);
  if (base_name(above).starts_with('@')) above = parent_path(above);
  return base_name(above) == "node_modules" && name.front() != '@';
}

std::string licence_of(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : json_string(value, "type");
}

class Npm final : public Cataloger {
 public:
  std::optional<Claim> claim(std::string_view path) const override {
    if (!is_installed_package(path)) return std::nullopt;
    return Claim{kMaxPackageJsonBytes};
  }

  FileRecord read(const FileContent& file) const override {
    FileRecord record{.role = Role::language, .system = "npm"};
    if (file.truncated) {
      record.problems.push_back(over_cap(kMaxPackageJsonBytes));
      return record;
    }
    const auto document = parse_json(tolerant_utf8(file.text), "package.json");
    if (!document) {
      record.problems.push_back({document.error().cause(), true});
      return record;
    }
    Package package{.type = "npm"};
    // Folders without name or version are test fixtures or workspaces: node loads them, no registry ever had them.
    package.version = json_string(*document, "version");
    if (package.version.empty() || package.version.size() > kMaxFieldBytes) return record;
    if (!set_npm_name(package, json_string(*document, "name"))) return record;
    package.source_name = package.name;
    package.source_version = package.version;
    for (const char* const key : {"license", "licence"})
      if (document->contains(key) && package.licences.empty())
        if (std::string licence = licence_of((*document)[key]); !licence.empty())
          package.licences.push_back(std::move(licence));
    if (package.licences.empty())
      for (const auto& entry : json_array(*document, "licenses"))
        if (std::string licence = licence_of(entry); !licence.empty() && package.licences.size() < 32)
          package.licences.push_back(std::move(licence));
    record.packages.push_back(std::move(package));
    return record;
  }
};

// pnpm hard-links every file from a store of its own ("…/store/v3/files/ab/<rest of the hash>"). Where the store comes
// first in the layer, it alone carries the content.
bool is_in_pnpm_store(std::string_view path) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  constexpr std::size_t kHashLetters = 126;  // SHA-512 in hex, less the folder's two
  constexpr std::string_view kExecutable = "-exec";
  std::string_view base = base_name(path);
  if (base.ends_with(kExecutable)) base.remove_suffix(kExecutable.size());
  const std::string_view folder = base_name(parent_path(path));
  return base.size() == kHashLetters && folder.size() == 2 && std::ranges::all_of(base, is_hex) &&
         std::ranges::all_of(folder, is_hex) && base_name(parent_path(parent_path(path))) == "files";
}

class PnpmStore final : public Cataloger {
 public:
  std::optional<Claim> claim(std::string_view path) const override {
    if (!is_in_pnpm_store(path)) return std::nullopt;
    return Claim{kMaxPackageJsonBytes};
  }

  FileRecord read(const FileContent& file) const override {
    const std::size_t begin = file.text.find_first_not_of(" \t\r\n");
    const bool is_object = begin != std::string_view::npos &&
                           (file.text[begin] == '{' || file.text.substr(begin).starts_with("\xEF\xBB\xBF"));
    if (!is_object) return {};  // no package.json: most of the store
    FileRecord record = npm_cataloger().read(file);
    record.role = Role::shared;
    return record;
  }
};

}  // namespace

const Cataloger& pnpm_store_cataloger() {
  static const PnpmStore kCataloger;
  return kCataloger;
}

const Cataloger& npm_cataloger() {
  static const Npm kCataloger;
  return kCataloger;
}

}  // namespace scangate::inventory
