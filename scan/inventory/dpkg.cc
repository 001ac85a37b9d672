// Debian packages: dpkg's status file (deb822(5), dpkg(1) "Package states"), the status.d folder of distroless images
// (one control paragraph a file, without a Status), and the file lists of both.
#include <array>

#include "base/text.h"
#include "scan/inventory/cataloger.h"
#include "scan/inventory/field_lines.h"

namespace scangate::inventory {
namespace {

// Debian 12 with 800 packages has a status file of 0.7 MB; all 64,000 packages would have about 60 MB.
constexpr std::size_t kMaxStatusBytes = 64U << 20U;
// The longest file list of Debian 12 has about 6 MB.
constexpr std::size_t kMaxListBytes = 32U << 20U;

constexpr std::string_view kStatus = "dpkg/status";
constexpr std::string_view kListSuffix = ".list";
constexpr std::string_view kSumsSuffix = ".md5sums";

enum class Part { none, status, status_d, list, sums };

// True when `path` is `tail` or ends with "/" and `tail`.
bool ends_with_components(std::string_view path, std::string_view tail) {
  return path.ends_with(tail) && (path.size() == tail.size() || path[path.size() - tail.size() - 1] == '/');
}

Part part_of(std::string_view path) {
  if (ends_with_components(path, kStatus)) return Part::status;
  const std::string_view folder = parent_path(path);
  if (ends_with_components(folder, "dpkg/status.d"))
    // Beside each paragraph stands the list of the package's files; read as a paragraph it looks like a broken
    // database.
    return path.ends_with(kSumsSuffix) ? Part::sums : Part::status_d;
  if (path.ends_with(kListSuffix) && ends_with_components(folder, "dpkg/info")) return Part::list;
  return Part::none;
}

struct Paragraph {
  std::string_view package;
  std::string_view status;
  std::string_view version;
  std::string_view architecture;
  std::string_view source;
  std::size_t line = 0;  // 0: nothing read yet
};

enum class State { installed, absent, unclear };

// "install ok installed": what is wanted, a flag, and the state. In all states but these three the package's files are
// there or may be; "half-installed" ends with "installed" too, so the whole word counts.
State state_of(const Paragraph& paragraph) {
  if (paragraph.status.empty()) return State::installed;  // status.d has none
  const std::size_t blank = paragraph.status.rfind(' ');
  const std::string_view state =
      blank == std::string_view::npos ? paragraph.status : paragraph.status.substr(blank + 1);
  if (state == "not-installed" || state == "config-files") return State::absent;
  for (const std::string_view present :
       {"installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"})
    if (state == present) return State::installed;
  return State::unclear;
}

// "glibc (2.36-9)" or "glibc"; without brackets the source has the binary's version.
void set_source(Package& package, std::string_view source) {
  const std::size_t bracket = source.find('(');
  const std::string_view name = trim(source.substr(0, bracket));
  package.source_name = name.empty() ? package.name : std::string(name);
  package.source_version = package.version;
  if (bracket == std::string_view::npos) return;
  const std::string_view version = trim(source.substr(bracket + 1, source.find(')', bracket) - bracket - 1));
  if (!version.empty()) package.source_version = version;
}

class StatusReader {
 public:
  explicit StatusReader(FileRecord& record) : record_(record) {}

  void read(std::string_view text) {
    FieldLines lines(text);
    for (FieldLine line; lines.next(line);) {
      switch (line.kind) {
        case FieldLine::Kind::blank:
          finish();
          break;
        case FieldLine::Kind::continuation:
          break;
        case FieldLine::Kind::other:
          problem(line.number, "is neither a field nor its continuation");
          break;
        case FieldLine::Kind::field:
          take(line);
          break;
      }
    }
    finish();
    if (damaged_ > 1)
      record_.problems.push_back({fmt::format("{} more damaged places in the package database", damaged_ - 1), true});
  }

 private:
  void take(const FieldLine& line) {
    if (paragraph_.line == 0) paragraph_.line = line.number;
    std::string_view* const field = field_named(line.name);
    if (field == nullptr) return;
    if (line.value.size() > kMaxFieldBytes) {
      problem(line.number, fmt::format("has a field longer than {}", human_bytes(kMaxFieldBytes)));
      return;
    }
    *field = line.value;
  }

  std::string_view* field_named(std::string_view name) {
    if (same_field(name, "Package")) return &paragraph_.package;
    if (same_field(name, "Status")) return &paragraph_.status;
    if (same_field(name, "Version")) return &paragraph_.version;
    if (same_field(name, "Architecture")) return &paragraph_.architecture;
    if (same_field(name, "Source")) return &paragraph_.source;
    return nullptr;
  }

  void finish() {
    const Paragraph paragraph = paragraph_;
    paragraph_ = {};
    if (paragraph.line == 0) return;
    if (paragraph.package.empty()) {
      problem(paragraph.line, "begins a record without a Package field");
      return;
    }
    if (state_of(paragraph) == State::absent) {
      record_.other_names.emplace_back(paragraph.package);
      return;
    }
    if (paragraph.version.empty()) {
      problem(paragraph.line,
              fmt::format("begins the record of {}, which has no Version", printable(paragraph.package)));
      record_.other_names.emplace_back(paragraph.package);
      return;
    }
    if (state_of(paragraph) == State::unclear)
      record_.problems.push_back({fmt::format("package {} is in state '{}': some of its files may be missing",
                                              printable(paragraph.package), printable(paragraph.status)),
                                  false});
    if (record_.packages.size() >= kMaxPackagesPerFile) {
      if (!full_)
        record_.problems.push_back(
            {fmt::format("more than {} packages, the rest is not read", kMaxPackagesPerFile), true});
      full_ = true;
      return;
    }
    Package package{.type = "deb",
                    .name = std::string(paragraph.package),
                    .version = std::string(paragraph.version),
                    .architecture = std::string(paragraph.architecture)};
    set_source(package, paragraph.source);
    record_.packages.push_back(std::move(package));
  }

  // The first damage is told with its line, the others are counted: a binary file would make thousands.
  void problem(std::size_t line, std::string_view what) {
    if (++damaged_ == 1)
      record_.problems.push_back({fmt::format("damaged package database: line {} {}", line, what), true});
  }

  FileRecord& record_;
  Paragraph paragraph_;
  std::size_t damaged_ = 0;
  bool full_ = false;
};

// Keeps the lines that ownership of language packages needs; a list of dpkg holds one absolute path a line, a list of
// checksums "<md5>  <relative path>".
void read_file_list(std::string_view text, std::string owner, Part part, FileRecord& record) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (part == Part::sums) {
      const std::size_t gap = line.find("  ");
      line = gap == std::string_view::npos ? std::string_view() : line.substr(gap + 2);
    }
    if (line.starts_with("./")) line.remove_prefix(2);
    if (line.starts_with('/')) line.remove_prefix(1);
    if (line.size() > kMaxFieldBytes || !shows_language_package(line)) continue;
    if (record.owned.size() >= kMaxOwnedPerFile) return;  // the rest counts as not owned: more findings, never fewer
    record.owned.push_back({owner, std::string(line)});
  }
  // Distroless names some of these files by an encoded package name: only dpkg's own lists tell a missing record.
  if (part == Part::list) record.other_names.push_back(std::move(owner));
}

class Dpkg final : public Cataloger {
 public:
  std::optional<Claim> claim(std::string_view path) const override {
    switch (part_of(path)) {
      case Part::status:
      case Part::status_d:
        return Claim{kMaxStatusBytes};
      case Part::list:
      case Part::sums:
        return Claim{kMaxListBytes};
      case Part::none:
        break;
    }
    return std::nullopt;
  }

  FileRecord read(const FileContent& file) const override {
    const Part part = part_of(file.path);
    FileRecord record{.role = Role::database, .system = "dpkg"};
    if (part == Part::status || part == Part::status_d) {
      if (file.truncated) record.problems.push_back(over_cap(kMaxStatusBytes));
      StatusReader(record).read(file.text);
      return record;
    }
    record.role = Role::file_list;
    std::string_view owner = base_name(file.path);
    owner.remove_suffix(part == Part::list ? kListSuffix.size() : kSumsSuffix.size());
    owner = owner.substr(0, owner.find(':'));  // multi-arch: "libc6:amd64.list"
    read_file_list(file.text, std::string(owner), part, record);
    return record;
  }

  std::span<const std::string_view> anchors() const override {
    static constexpr std::array<std::string_view, 3> kAnchors = {"var/lib/dpkg/status", "var/lib/dpkg/status.d",
                                                                 "var/lib/dpkg/info"};
    return kAnchors;
  }
};

}  // namespace

const Cataloger& dpkg_cataloger() {
  static const Dpkg kCataloger;
  return kCataloger;
}

}  // namespace scangate::inventory
