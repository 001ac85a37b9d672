#include "scan/advisory/osv_document.h"

#include <simdjson.h>

#include <algorithm>

#include "base/text.h"

namespace scangate {
namespace {

namespace dom = simdjson::dom;

// Thrown nowhere: a wrong document is a value that is passed up by hand through these readers.
class Reader {
 public:
  Reader(OsvDocument& out, std::string_view place) : out_(out), place_(place) {}

  Result<void> read(dom::object document);

 private:
  tl::unexpected<Error> wrong(std::string cause) const {
    return fail(Error(Fault::user, std::move(cause)).at(std::string(place_)));
  }
  Result<void> read_ids(dom::object document, const char* key, std::vector<std::string>& ids) const;
  Result<void> read_severities(dom::object parent, std::vector<OsvSeverity>& severities) const;
  Result<void> read_references(dom::object document);
  Result<void> read_affected(dom::object entry);
  Result<void> read_range(dom::object range, OsvAffected& affected, bool& has_git) const;
  Result<void> read_version(std::string_view version, std::string& out) const;

  OsvDocument& out_;
  std::string_view place_;
};

std::optional<std::string_view> text_of(dom::object object, const char* key) {
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<dom::object> object_of(dom::object object, const char* key) {
  dom::object value;
  if (object[key].get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

// Missing and null are an empty array, as real feeds write both.
enum class Shape { array, absent, other };
Shape array_of(dom::object object, const char* key, dom::array& out) {
  dom::element value;
  if (object[key].get(value) != simdjson::SUCCESS || value.is_null()) return Shape::absent;
  return value.get(out) == simdjson::SUCCESS ? Shape::array : Shape::other;
}

// Ids and names go into line-based texts and into reports.
bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxOsvNameBytes && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' && c != 0x7f;
  });
}

// The Go database's repository has "0001-01-01T00:00:00Z" for "not known".
std::optional<TimePoint> time_of(dom::object object, const char* key) {
  const auto text = text_of(object, key);
  if (!text) return std::nullopt;
  const auto time = parse_time(*text);
  if (!time || *time < TimePoint{}) return std::nullopt;
  return time;
}

Result<void> Reader::read_ids(dom::object document, const char* key, std::vector<std::string>& ids) const {
  dom::array array;
  const Shape shape = array_of(document, key, array);
  if (shape == Shape::other) return wrong(fmt::format("'{}' is not an array", key));
  if (shape == Shape::absent) return {};
  for (const dom::element element : array) {
    std::string_view id;
    if (element.get(id) != simdjson::SUCCESS || !is_plain(id)) return wrong(fmt::format("'{}' holds a bad id", key));
    if (ids.size() == kMaxOsvIds) return wrong(fmt::format("'{}' holds more than {} ids", key, kMaxOsvIds));
    ids.emplace_back(id);
  }
  return {};
}

Result<void> Reader::read_severities(dom::object parent, std::vector<OsvSeverity>& severities) const {
  // More types than exist: CVSS 2, 3, 4 and one of a distribution.
  constexpr std::size_t kMaxSeverities = 16;
  dom::array array;
  if (array_of(parent, "severity", array) != Shape::array) return {};
  for (const dom::element element : array) {
    dom::object one;
    if (element.get(one) != simdjson::SUCCESS) continue;
    const auto type = text_of(one, "type");
    const auto score = text_of(one, "score");
    if (!type || !score || !is_plain(*type) || !is_plain(*score) || severities.size() == kMaxSeverities) continue;
    severities.push_back({std::string(*type), std::string(*score)});
  }
  return {};
}

// Which links say most about the flaw itself.
int reference_rank(std::string_view type) {
  if (type == "ADVISORY") return 0;
  if (type == "REPORT") return 1;
  if (type == "FIX") return 2;
  return type == "PACKAGE" ? 4 : 3;
}

Result<void> Reader::read_references(dom::object document) {
  constexpr std::size_t kMaxUrlBytes = 300;
  constexpr std::size_t kMaxSeen = 1'000;  // real records stay below 200
  dom::array array;
  if (array_of(document, "references", array) != Shape::array) return {};
  std::vector<std::pair<int, std::string>> ranked;
  for (const dom::element element : array) {
    dom::object one;
    if (element.get(one) != simdjson::SUCCESS) continue;
    const auto url = text_of(one, "url");
    if (!url || url->size() > kMaxUrlBytes || !is_plain(*url) || url->find(' ') != std::string_view::npos) continue;
    if (!url->starts_with("https://") && !url->starts_with("http://")) continue;
    if (ranked.size() == kMaxSeen) break;
    ranked.emplace_back(reference_rank(text_of(one, "type").value_or("")), std::string(*url));
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [rank, url] : ranked) {
    if (out_.references.size() == kMaxOsvReferences) break;
    if (std::find(out_.references.begin(), out_.references.end(), url) == out_.references.end())
      out_.references.push_back(std::move(url));
  }
  return {};
}

Result<void> Reader::read_version(std::string_view version, std::string& out) const {
  const std::string_view trimmed = trim(version);
  if (!is_plain(trimmed)) return wrong("a version is empty, too long or holds control characters");
  out = trimmed;
  return {};
}

Result<void> Reader::read_range(dom::object range, OsvAffected& affected, bool& has_git) const {
  if (text_of(range, "type").value_or("") == "GIT") {
    has_git = true;
    return {};
  }
  dom::array events;
  if (array_of(range, "events", events) != Shape::array) return wrong("a range has no 'events'");
  VersionRange out;
  using Kind = RangeEvent::Kind;
  for (const dom::element element : events) {
    dom::object event;
    if (element.get(event) != simdjson::SUCCESS) return wrong("a range event is not an object");
    for (const auto& [key, kind] : {std::pair{"introduced", Kind::introduced}, std::pair{"fixed", Kind::fixed},
                                    std::pair{"last_affected", Kind::last_affected}, std::pair{"limit", Kind::limit}}) {
      const auto version = text_of(event, key);
      // "*" is the limit that does not limit.
      if (!version || (kind == Kind::limit && *version == "*")) continue;
      if (out.size() == kMaxOsvEvents) return wrong(fmt::format("a range holds more than {} events", kMaxOsvEvents));
      RangeEvent one{kind, {}};
      SCANGATE_CHECK(read_version(*version, one.version));
      out.push_back(std::move(one));
    }
  }
  affected.versions.ranges.push_back(std::move(out));
  return {};
}

Result<void> Reader::read_affected(dom::object entry) {
  const auto package = object_of(entry, "package");
  if (!package) return {};  // allowed by the schema for records of commits only
  const auto ecosystem = text_of(*package, "ecosystem");
  const auto name = text_of(*package, "name");
  if (!ecosystem || !name || !is_plain(*ecosystem) || !is_plain(*name))
    return wrong("an affected package has no usable name or ecosystem");
  OsvAffected affected;
  affected.ecosystem = *ecosystem;
  affected.package = *name;
  bool has_git = false;
  dom::array array;
  Shape shape = array_of(entry, "ranges", array);
  if (shape == Shape::other) return wrong("'ranges' is not an array");
  if (shape == Shape::array) {
    for (const dom::element element : array) {
      dom::object range;
      if (element.get(range) != simdjson::SUCCESS) return wrong("a range is not an object");
      if (affected.versions.ranges.size() == kMaxOsvEvents)
        return wrong(fmt::format("a package holds more than {} ranges", kMaxOsvEvents));
      SCANGATE_CHECK(read_range(range, affected, has_git));
    }
  }
  shape = array_of(entry, "versions", array);
  if (shape == Shape::other) return wrong("'versions' is not an array");
  if (shape == Shape::array) {
    for (const dom::element element : array) {
      std::string_view version;
      if (element.get(version) != simdjson::SUCCESS) return wrong("'versions' holds something other than text");
      if (affected.versions.versions.size() == kMaxOsvVersions)
        return wrong(fmt::format("a package lists more than {} versions", kMaxOsvVersions));
      SCANGATE_CHECK(read_version(version, affected.versions.versions.emplace_back()));
    }
  }
  const bool nothing = affected.versions.ranges.empty() && affected.versions.versions.empty();
  affected.git_only = nothing && has_git;
  affected.versions.all = nothing && !has_git;
  SCANGATE_CHECK(read_severities(entry, affected.severities));
  for (const char* key : {"ecosystem_specific", "database_specific"}) {
    const auto specific = object_of(entry, key);
    if (!specific) continue;
    if (affected.urgency.empty())
      affected.urgency = text_of(*specific, "urgency").value_or("").substr(0, kMaxOsvNameBytes);
    if (text_of(*specific, "status") == "fix-not-planned") affected.versions.will_not_fix = true;
  }
  if (affected.urgency == "end-of-life") affected.versions.will_not_fix = true;
  out_.affected.push_back(std::move(affected));
  return {};
}

Result<void> Reader::read(dom::object document) {
  out_.modified = time_of(document, "modified");
  out_.published = time_of(document, "published");
  out_.withdrawn = text_of(document, "withdrawn").has_value();
  SCANGATE_CHECK(read_ids(document, "aliases", out_.aliases));
  SCANGATE_CHECK(read_ids(document, "upstream", out_.upstream));
  SCANGATE_CHECK(read_ids(document, "related", out_.related));
  SCANGATE_CHECK(read_severities(document, out_.severities));
  bool will_not_fix = false;
  if (const auto specific = object_of(document, "database_specific")) {
    out_.severity_word = text_of(*specific, "severity").value_or("").substr(0, kMaxOsvNameBytes);
    will_not_fix = text_of(*specific, "status") == "fix-not-planned";
  }
  out_.summary = text_of(document, "summary").value_or("");
  out_.details = text_of(document, "details").value_or("");
  SCANGATE_CHECK(read_references(document));
  dom::array array;
  const Shape shape = array_of(document, "affected", array);
  if (shape == Shape::other) return wrong("'affected' is not an array");
  if (shape == Shape::absent) return {};
  for (const dom::element element : array) {
    dom::object entry;
    if (element.get(entry) != simdjson::SUCCESS) return wrong("'affected' holds something other than objects");
    if (out_.affected.size() == kMaxOsvAffected)
      return wrong(fmt::format("more than {} affected packages", kMaxOsvAffected));
    SCANGATE_CHECK(read_affected(entry));
    if (will_not_fix && !out_.affected.empty()) out_.affected.back().versions.will_not_fix = true;
  }
  return {};
}

}  // namespace

struct OsvParser::State {
  dom::parser parser{kMaxOsvBytes};
};

OsvParser::OsvParser() : state_(std::make_unique<State>()) {}
OsvParser::OsvParser(OsvParser&&) noexcept = default;
OsvParser::~OsvParser() = default;

Result<std::optional<OsvDocument>> OsvParser::parse(std::string_view text, std::string_view place) {
  const auto wrong = [&](std::string cause) {
    return fail(Error(Fault::user, std::move(cause)).at(std::string(place)));
  };
  if (text.size() > kMaxOsvBytes) return wrong(fmt::format("larger than {}", human_bytes(kMaxOsvBytes)));
  // The DOM, not on-demand: a document with a broken tail has to be refused, not half read.
  dom::element root;
  if (const auto error = state_->parser.parse(text.data(), text.size(), true).get(root); error != simdjson::SUCCESS)
    return wrong(fmt::format("not valid JSON: {}", simdjson::error_message(error)));
  dom::object document;
  if (root.get(document) != simdjson::SUCCESS) return std::optional<OsvDocument>();
  const auto id = text_of(document, "id");
  if (!id || !text_of(document, "modified")) return std::optional<OsvDocument>();
  if (!is_plain(*id) || id->find(' ') != std::string_view::npos)
    return wrong("'id' is empty, too long or holds spaces");
  OsvDocument out;
  out.id = *id;
  SCANGATE_CHECK(Reader(out, place).read(document));
  return std::optional<OsvDocument>(std::move(out));
}

}  // namespace scangate
