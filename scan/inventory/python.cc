// Installed Python distributions: *.dist-info/METADATA (packaging.python.org, "Recording installed projects" and "Core
// metadata") and setuptools' *.egg-info, as a file or a folder with PKG-INFO. Any folder counts, not only
// site-packages: `pip install --target` puts them beside the program.
#include "base/text.h"
#include "scan/inventory/cataloger.h"
#include "scan/inventory/field_lines.h"
#include "scan/inventory/language_names.h"

namespace scangate::inventory {
namespace {

// Headers come first and the long description after them, so the beginning is enough; the largest headers on PyPI (very
// long lists of requirements) have about 100 kB.
constexpr std::size_t kMaxMetadataBytes = 1U << 20U;
// A licence longer than this is the licence's text, which old packages put into the field.
constexpr std::size_t kMaxLicenceBytes = 100;

constexpr std::string_view kDistInfo = ".dist-info";
constexpr std::string_view kEggInfo = ".egg-info";

// The component that names the distribution: "flask-2.2.2.dist-info"; empty when `path` shows none.
std::string_view distribution_folder(std::string_view path) {
  const std::string_view base = base_name(path);
  if (base == "METADATA" || base == "PKG-INFO") {
    const std::string_view folder = base_name(parent_path(path));
    if (folder.ends_with(base == "METADATA" ? kDistInfo : kEggInfo)) return folder;
    if (base == "PKG-INFO" && folder == "EGG-INFO") {  // an unpacked egg: "x-1.0-py3.egg/EGG-INFO/PKG-INFO"
      const std::string_view egg = base_name(parent_path(parent_path(path)));
      if (egg.ends_with(".egg")) return egg;
    }
    return {};
  }
  return base.ends_with(kEggInfo) ? base : std::string_view();
}

// "name-version-py3.11.egg-info": what the folder says when the metadata does not. Neither name nor version holds a
// dash there: the wheel format escapes it.
void fill_from_folder(std::string_view folder, std::string& name, std::string& version) {
  folder = folder.substr(0, folder.rfind('.'));
  const std::size_t dash = folder.find('-');
  if (dash == std::string_view::npos || dash == 0) return;
  const std::string_view rest = folder.substr(dash + 1);
  if (name.empty()) name = folder.substr(0, dash);
  if (version.empty()) version = rest.substr(0, rest.find('-'));
}

class Python final : public Cataloger {
 public:
  std::optional<Claim> claim(std::string_view path) const override {
    if (distribution_folder(path).empty()) return std::nullopt;
    return Claim{kMaxMetadataBytes};
  }

  FileRecord read(const FileContent& file) const override {
    FileRecord record{.role = Role::language, .system = "python"};
    Package package{.type = "pypi"};
    std::string name;
    std::string expression;  // License-Expression, PEP 639
    std::string licence;
    std::vector<std::string> classifiers;
    bool headers_ended = false;
    FieldLines lines(file.text);
    for (FieldLine line; lines.next(line);) {
      if (line.kind == FieldLine::Kind::blank) {
        headers_ended = true;
        break;
      }
      // Old files have loose text of a licence between the headers.
      if (line.kind != FieldLine::Kind::field || line.value.empty() || line.value.size() > kMaxFieldBytes) continue;
      if (same_field(line.name, "Name") && name.empty())
        name = line.value;
      else if (same_field(line.name, "Version") && package.version.empty())
        package.version = line.value;
      else if (same_field(line.name, "License-Expression"))
        expression = line.value;
      else if (same_field(line.name, "License") && line.value != "UNKNOWN" && line.value.size() <= kMaxLicenceBytes)
        licence = line.value;
      else if (same_field(line.name, "Classifier") && line.value.starts_with("License ::") && classifiers.size() < 32)
        classifiers.emplace_back(trim(line.value.substr(line.value.rfind("::") + 2)));
    }
    if (file.truncated && !headers_ended) record.problems.push_back(over_cap(kMaxMetadataBytes));
    fill_from_folder(distribution_folder(file.path), name, package.version);
    package.name = normalised_python_name(name);
    if (package.name.empty() || package.version.empty()) {
      record.problems.push_back({"Python metadata without name or version", true});
      return record;
    }
    package.source_name = package.name;
    package.source_version = package.version;
    if (!expression.empty())
      package.licences = {std::move(expression)};
    else if (!licence.empty())
      package.licences = {std::move(licence)};
    else
      package.licences = std::move(classifiers);
    record.packages.push_back(std::move(package));
    return record;
  }
};

}  // namespace

const Cataloger& python_cataloger() {
  static const Python kCataloger;
  return kCataloger;
}

}  // namespace scangate::inventory
