#include "base/yaml/yaml.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>
// Parser events instead of YAML::Node: an alias is then a number we resolve under our own budget, and no shared node
// graph (which may contain itself) is ever built.
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <unordered_map>

#include "base/text.h"

namespace scangate::yaml {
namespace {

// Leaves the library's parser from inside a callback; caught in read().
struct Stop {
  Error error;
};

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool all_digits(std::string_view text, std::string_view digits) {
  return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos;
}

// The integer of YAML 1.1 as decimal text: underscores and commas separate digits, a leading 0 means octal.
std::optional<std::string> as_integer(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  int base = 10;
  if (rest.starts_with("0x") || rest.starts_with("0X")) {
    base = 16;
  } else if (rest.starts_with("0b") || rest.starts_with("0B")) {
    base = 2;
  } else if (rest.size() > 1 && rest[0] == '0') {
    base = 8;
  }
  if (base == 16 || base == 2) rest.remove_prefix(2);
  if (rest.empty() || rest[0] == '_' || rest[0] == ',') return std::nullopt;
  std::string digits;
  for (const char c : rest)
    if (c != '_' && c != ',') digits += c;
  const std::string_view allowed =
      base == 16 ? "0123456789abcdefABCDEF" : (base == 8 ? "01234567" : (base == 2 ? "01" : "0123456789"));
  if (!all_digits(digits, allowed)) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (code != std::errc{}) return base == 10 ? std::optional(std::string(negative ? "-" : "") + digits) : std::nullopt;
  return (negative && number != 0 ? "-" : "") + std::to_string(number);
}

// A decimal fraction as Ruby prints it: 1.10 is "1.1", 2. is "2.0".
std::optional<std::string> as_real(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with('-') || rest.starts_with('+')) rest.remove_prefix(1);
  const std::size_t dot = rest.find('.');
  const std::size_t exponent = rest.find_first_of("eE");
  if (dot == std::string_view::npos && exponent == std::string_view::npos) return std::nullopt;
  const std::string_view mantissa = rest.substr(0, exponent);
  const std::string_view whole = mantissa.substr(0, mantissa.find('.'));
  const std::string_view fraction =
      dot == std::string_view::npos || dot > mantissa.size() ? "" : mantissa.substr(dot + 1);
  if (whole.empty() && fraction.empty()) return std::nullopt;
  if (!whole.empty() && !all_digits(whole, "0123456789_,")) return std::nullopt;
  if (!fraction.empty() && !all_digits(fraction, "0123456789")) return std::nullopt;
  if (exponent != std::string_view::npos) {
    std::string_view power = rest.substr(exponent + 1);
    if (power.starts_with('-') || power.starts_with('+')) power.remove_prefix(1);
    if (!all_digits(power, "0123456789")) return std::nullopt;
    // Scientific notation keeps its spelling: Ruby's shortest form is not worth a difference in a variable.
    return std::string(text);
  }
  std::string digits;
  for (const char c : whole)
    if (c != '_' && c != ',') digits += c;
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  std::string_view kept = fraction;
  while (kept.ends_with('0'))
    kept.remove_suffix(1);
  return fmt::format("{}{}.{}", text.starts_with('-') ? "-" : "", digits.empty() ? "0" : digits,
                     kept.empty() ? "0" : kept);
}

void set_plain_scalar(Value& value, const std::string& text) {
  const std::string lower = text.size() <= 5 ? to_lower(text) : std::string();
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) {
    value.kind = Value::Kind::null;
  } else if (is_one_of(lower, {"yes", "true", "on"})) {
    value.kind = Value::Kind::boolean;
    value.text = "true";
  } else if (is_one_of(lower, {"no", "false", "off"})) {
    value.kind = Value::Kind::boolean;
    value.text = "false";
  } else if (auto integer = as_integer(text)) {
    value.kind = Value::Kind::integer;
    value.text = std::move(*integer);
  } else if (auto real = as_real(text)) {
    value.kind = Value::Kind::real;
    value.text = std::move(*real);
  } else {
    value.kind = Value::Kind::string;
    value.text = text;
  }
  if (value.is_scalar() && value.text != text) value.written = text;
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(std::shared_ptr<const std::string> file, Budget& budget, Dialect dialect)
      : file_(std::move(file)), budget_(budget), dialect_(dialect) {}

  std::vector<Value> take_documents() { return std::move(documents_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_.size() == kMaxDocuments)
      throw Stop{error_at(at(mark), fmt::format("more than {} YAML documents in one file", kMaxDocuments))};
    anchors_.clear();
    Value root;
    root.place = at(mark);
    documents_.push_back(std::move(root));
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Value value;
    value.place = at(mark);
    check(budget_.spend(1, value.place));
    add(std::move(value), anchor, 0);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw Stop{error_at(at(mark), "an alias inside the value it names").remedy("a value cannot contain itself")};
    check(budget_.spend(found->second.nodes, at(mark)));
    // Depth adds up through aliases, and later steps recurse.
    if (static_cast<int>(open_.size()) + found->second.depth > kMaxDepth) throw too_deep(mark);
    add(found->second.value, 0, found->second.depth);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    Value value;
    value.place = at(mark);
    const bool plain = tag == "?" || tag.empty();
    if (plain) {
      set_plain_scalar(value, text);
    } else if (tag == "!" || tag == "tag:yaml.org,2002:str") {
      value.kind = Value::Kind::string;
      value.text = text;
    } else {
      throw Stop{unknown_tag(mark, tag)};
    }
    check(budget_.spend(1, value.place));
    if (key_wanted()) {
      set_key(mark, text, plain && text == "<<");
      if (anchor != 0) anchors_[anchor] = {std::move(value), 1, 0};
      return;
    }
    add(std::move(value), anchor, 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    const bool reference = dialect_ == Dialect::gitlab && tag == "!reference";
    if (!reference && tag != "?" && !tag.empty() && tag != "!" && tag != "tag:yaml.org,2002:seq")
      throw Stop{unknown_tag(mark, tag)};
    open(mark, anchor, reference ? Value::Kind::reference : Value::Kind::list);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    if (tag != "?" && !tag.empty() && tag != "!" && tag != "tag:yaml.org,2002:map") throw Stop{unknown_tag(mark, tag)};
    open(mark, anchor, Value::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Anchor {
    Value value;
    std::size_t nodes = 0;
    int depth = 0;
  };
  struct Frame {
    Value value;
    YAML::anchor_t anchor = 0;
    int depth = 1;  // of the deepest part seen so far
    // Maps: the key whose value comes next, lines of the keys so far, and what was merged by `<<`.
    std::optional<std::string> key;
    Place key_place;
    bool key_merges = false;
    std::unordered_map<std::string, int> lines;
    std::vector<Value> merged;
  };

  Place at(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }
  static void check(Result<void> result) {
    if (!result) throw Stop{std::move(result).error()};
  }
  Stop too_deep(const YAML::Mark& mark) const {
    return {error_at(at(mark), fmt::format("nested deeper than {} levels", kMaxDepth))};
  }
  Error unknown_tag(const YAML::Mark& mark, const std::string& tag) const {
    auto error = error_at(at(mark), fmt::format("unknown YAML tag '{}'", printable(tag)));
    return dialect_ == Dialect::gitlab ? std::move(error).remedy("GitLab knows !reference only") : std::move(error);
  }

  bool key_wanted() const { return !open_.empty() && open_.back().value.kind == Value::Kind::map && !open_.back().key; }

  void set_key(const YAML::Mark& mark, const std::string& key, bool merges) {
    Frame& frame = open_.back();
    frame.key = key;
    frame.key_place = at(mark);
    frame.key_merges = merges;
    if (merges) return;
    if (frame.lines.size() == kMaxMapEntries)
      throw Stop{error_at(at(mark), fmt::format("a map with more than {} keys", kMaxMapEntries))};
    const auto [first, fresh] = frame.lines.emplace(key, mark.line + 1);
    if (!fresh)
      throw Stop{
          error_at(at(mark), fmt::format("key '{}' stands twice, first in line {}", printable(key), first->second))
              .remedy("remove or rename one of them")};
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Value::Kind kind) {
    if (key_wanted()) throw Stop{error_at(at(mark), "a list or map cannot be a key")};
    if (static_cast<int>(open_.size()) >= kMaxDepth) throw too_deep(mark);
    check(budget_.spend(1, at(mark)));
    Frame frame;
    frame.value.kind = kind;
    frame.value.place = at(mark);
    frame.anchor = anchor;
    open_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    if (!frame.merged.empty()) apply_merges(frame);
    add(std::move(frame.value), frame.anchor, frame.depth);
  }

  // Psych lets a later `<<` win over an earlier one, and within one list the earlier map.
  void apply_merges(Frame& frame) const {
    for (auto merged = frame.merged.rbegin(); merged != frame.merged.rend(); ++merged) {
      for (Entry& entry : merged->entries)
        if (frame.lines.emplace(entry.key, entry.key_place.line).second)
          frame.value.entries.push_back(std::move(entry));
    }
    if (frame.lines.size() > kMaxMapEntries)
      throw Stop{error_at(frame.value.place, fmt::format("a map with more than {} keys", kMaxMapEntries))};
  }

  void collect_merge(Frame& frame, Value value) {
    const auto refuse = [&](const Value& wrong) {
      throw Stop{error_at(frame.key_place, fmt::format("'<<' merges maps, this is {}", wrong.kind_name()))};
    };
    if (value.is_map()) {
      frame.merged.push_back(std::move(value));
    } else if (value.is_list()) {
      for (auto item = value.items.rbegin(); item != value.items.rend(); ++item) {
        if (!item->is_map()) refuse(*item);
        frame.merged.push_back(std::move(*item));
      }
    } else {
      refuse(value);
    }
  }

  void add(Value value, YAML::anchor_t anchor, int depth) {
    if (anchor != 0) {
      // Kept a second time for the aliases to come.
      const std::size_t nodes = value.node_count();
      check(budget_.spend(nodes, value.place));
      anchors_[anchor] = {value, nodes, depth};
    }
    if (open_.empty()) {
      documents_.back() = std::move(value);
      return;
    }
    Frame& frame = open_.back();
    frame.depth = std::max(frame.depth, depth + 1);
    if (frame.value.kind != Value::Kind::map) {
      frame.value.items.push_back(std::move(value));
      return;
    }
    if (!frame.key)  // null or an alias; text came through set_key
      throw Stop{
          error_at(value.place, fmt::format("a key must be written out as text, this is {}", value.kind_name()))};
    std::string key = std::move(*frame.key);
    frame.key.reset();
    if (frame.key_merges)
      collect_merge(frame, std::move(value));
    else
      frame.value.entries.push_back({std::move(key), frame.key_place, std::move(value)});
  }

  std::shared_ptr<const std::string> file_;
  Budget& budget_;
  Dialect dialect_;
  std::vector<Value> documents_;
  std::vector<Frame> open_;
  std::unordered_map<YAML::anchor_t, Anchor> anchors_;
};

}  // namespace

Result<std::vector<Value>> read(std::string_view text, std::string_view file_name, Budget& budget, Dialect dialect) {
  auto file = std::make_shared<const std::string>(file_name);
  const Place whole{file, 0, 0};
  if (text.size() > kMaxBytes) {
    auto error = error_at(whole, fmt::format("larger than {} bytes", kMaxBytes));
    return fail(dialect == Dialect::gitlab ? std::move(error).remedy("split it with 'include:'") : std::move(error));
  }
  if (text.find('\0') != std::string_view::npos)
    return fail(error_at(whole, "not a text file: it contains zero bytes"));
  if (!is_utf8(text)) return fail(error_at(whole, "not UTF-8 text"));
  Builder builder(file, budget, dialect);
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (Stop& stop) {
    return fail(std::move(stop.error));
  } catch (const YAML::DeepRecursion& error) {
    return fail(error_at({file, error.mark.line + 1, error.mark.column + 1},
                         fmt::format("nested deeper than {} levels", kMaxDepth)));
  } catch (const YAML::Exception& error) {
    return fail(error_at({file, error.mark.line + 1, error.mark.column + 1}, "not valid YAML: " + error.msg));
  }
  return builder.take_documents();
}

}  // namespace scangate::yaml
