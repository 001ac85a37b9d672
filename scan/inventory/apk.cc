// Alpine packages: apk's installed database (apk-tools, doc/apk-v2.5.scd: one-letter fields, records parted by a blank
// line; F opens a folder and R names a file in it).
#include <array>

#include "base/text.h"
#include "scan/inventory/cataloger.h"

namespace scangate::inventory {
namespace {

// Alpine 3.19 with 15 packages has 15 kB, one with a desktop and 1,500 packages about 20 MB, mostly file names.
constexpr std::size_t kMaxInstalledBytes = 64U << 20U;

class InstalledReader {
 public:
  explicit InstalledReader(FileRecord& record) : record_(record) {}

  void read(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      ++number_;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.empty())
        finish();
      else
        take(line);
    }
    finish();
    if (damaged_ > 1)
      record_.problems.push_back({fmt::format("{} more damaged places in the package database", damaged_ - 1), true});
  }

 private:
  void take(std::string_view line) {
    if (begins_ == 0) begins_ = number_;
    if (line.size() < 2 || line[1] != ':') {
      problem(number_, "is no field");
      return;
    }
    const std::string_view value = line.substr(2);
    // Only the fields we keep are limited: dependencies and provides run to many kilobytes.
    if (value.size() > kMaxFieldBytes && std::string_view("PVAoLFR").find(line[0]) != std::string_view::npos) {
      problem(number_, fmt::format("has a field longer than {}", human_bytes(kMaxFieldBytes)));
      return;
    }
    switch (line[0]) {
      case 'P':
        package_.name = value;
        break;
      case 'V':
        package_.version = value;
        break;
      case 'A':
        package_.architecture = value;
        break;
      case 'o':
        package_.source_name = value;
        break;
      case 'L':
        if (!value.empty()) package_.licences = {std::string(value)};
        break;
      case 'F':
        folder_ = value;
        break;
      case 'R':
        own(value);
        break;
      default:
        break;
    }
  }

  void own(std::string_view file) {
    if (record_.owned.size() >= kMaxOwnedPerFile) return;  // the rest counts as not owned: more findings, never fewer
    std::string path = folder_.empty() ? std::string(file) : fmt::format("{}/{}", folder_, file);
    if (shows_language_package(path)) record_.owned.push_back({package_.name, std::move(path)});
  }

  void finish() {
    const std::size_t line = begins_;
    Package package = std::exchange(package_, {.type = "apk"});
    folder_ = {};
    begins_ = 0;
    if (line == 0) return;
    if (package.name.empty() || package.version.empty()) {
      problem(line, "begins a record without name (P) or version (V)");
      return;
    }
    if (record_.packages.size() >= kMaxPackagesPerFile) {
      if (!full_)
        record_.problems.push_back(
            {fmt::format("more than {} packages, the rest is not read", kMaxPackagesPerFile), true});
      full_ = true;
      return;
    }
    if (package.source_name.empty()) package.source_name = package.name;
    package.source_version = package.version;
    record_.packages.push_back(std::move(package));
  }

  void problem(std::size_t line, std::string_view what) {
    if (++damaged_ == 1)
      record_.problems.push_back({fmt::format("damaged package database: line {} {}", line, what), true});
  }

  FileRecord& record_;
  Package package_{.type = "apk"};
  std::string_view folder_;
  std::size_t number_ = 0;
  std::size_t begins_ = 0;
  std::size_t damaged_ = 0;
  bool full_ = false;
};

class Apk final : public Cataloger {
 public:
  std::optional<Claim> claim(std::string_view path) const override {
    constexpr std::string_view kTail = "apk/db/installed";
    if (!path.ends_with(kTail)) return std::nullopt;
    if (path.size() > kTail.size() && path[path.size() - kTail.size() - 1] != '/') return std::nullopt;
    return Claim{kMaxInstalledBytes};
  }

  FileRecord read(const FileContent& file) const override {
    FileRecord record{.role = Role::database, .system = "apk"};
    if (file.truncated) record.problems.push_back(over_cap(kMaxInstalledBytes));
    InstalledReader(record).read(file.text);
    return record;
  }

  std::span<const std::string_view> anchors() const override {
    // Alpine 3.23 and Wolfi moved it below usr.
    static constexpr std::array<std::string_view, 2> kAnchors = {"lib/apk/db/installed", "usr/lib/apk/db/installed"};
    return kAnchors;
  }
};

}  // namespace

const Cataloger& apk_cataloger() {
  static const Apk kCataloger;
  return kCataloger;
}

}  // namespace scangate::inventory
