#include "scan/policy/parse.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "base/digest.h"
#include "base/text.h"
#include "base/yaml/yaml.h"

namespace scangate {
namespace {

using Node = yaml::Value;

// Room for a policy of thousands of exceptions; beyond it a file is refused before it is parsed (yaml-cpp reads some
// 3 MB/s).
constexpr std::size_t kMaxPolicyBytes = 1U << 20U;
// Aliases multiply nodes: a text of 330 bytes can stand for 12 million.
constexpr std::size_t kMaxPolicyNodes = 100'000;

tl::unexpected<Error> wrong(const yaml::Place& place, std::string cause) {
  return fail(yaml::error_at(place, std::move(cause)));
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  if (const auto near = nearest(word, known)) return fmt::format(" (did you mean '{}'?)", *near);
  std::string list;
  for (const auto& one : known)
    list += (list.empty() ? "" : ", ") + one;
  return fmt::format(" (known: {})", list);
}

Result<void> check_keys(const Node& node, const std::vector<std::string>& known) {
  for (const auto& entry : node.entries) {
    if (std::find(known.begin(), known.end(), entry.key) == known.end())
      return wrong(entry.key_place,
                   fmt::format("unknown key '{}'{}", printable(entry.key), did_you_mean(entry.key, known)));
  }
  return {};
}

Result<std::string> scalar(const Node& node, std::string_view what) {
  if (!node.is_scalar() || trim(node.as_written()).empty())
    return wrong(node.place, fmt::format("{} has to be a text", what));
  return printable(trim(node.as_written()));
}

// A single value or a list of them.
Result<std::vector<const Node*>> one_or_many(const Node& node, std::string_view what) {
  std::vector<const Node*> nodes;
  if (node.is_list()) {
    for (const auto& item : node.items)
      nodes.push_back(&item);
  } else if (!node.is_null()) {
    nodes.push_back(&node);
  }
  if (nodes.empty()) return wrong(node.place, fmt::format("{} is empty", what));
  return nodes;
}

template <class Value>
Result<Value> one_of(const Node& node, std::string_view what, const std::vector<std::pair<std::string, Value>>& words) {
  SCANGATE_TRY(const std::string text, scalar(node, what));
  std::vector<std::string> known;
  for (const auto& [word, value] : words) {
    if (to_lower(text) == word) return value;
    known.push_back(word);
  }
  return wrong(node.place, fmt::format("'{}' is no {}{}", text, what, did_you_mean(to_lower(text), known)));
}

const std::vector<std::pair<std::string, Severity>>& severity_words() {
  static const std::vector<std::pair<std::string, Severity>> kWords = {
      {"unknown", Severity::unknown}, {"negligible", Severity::negligible},
      {"low", Severity::low},         {"medium", Severity::medium},
      {"high", Severity::high},       {"critical", Severity::critical}};
  return kWords;
}

// [high, critical], "high", or ">= high". unknown is beside the order, so a bound never takes it in.
Result<std::set<Severity>> severities(const Node& node) {
  std::set<Severity> out;
  if (node.is_scalar() && trim(node.as_written()).starts_with(">=")) {
    const std::string written = node.as_written();
    Node bound = node;
    bound.written = trim(trim(written).substr(2));
    SCANGATE_TRY(const Severity lowest, one_of(bound, "severity", severity_words()));
    if (lowest == Severity::unknown) return wrong(node.place, "'unknown' has no place in the order of severities");
    for (const auto& [word, severity] : severity_words()) {
      if (severity >= lowest) out.insert(severity);
    }
    return out;
  }
  SCANGATE_TRY(const auto nodes, one_or_many(node, "'severity'"));
  for (const Node* one : nodes) {
    SCANGATE_TRY(const Severity severity, one_of(*one, "severity", severity_words()));
    out.insert(severity);
  }
  return out;
}

template <class Value>
Result<std::set<Value>> set_of(const Node& node, std::string_view what,
                               const std::vector<std::pair<std::string, Value>>& words) {
  std::set<Value> out;
  SCANGATE_TRY(const auto nodes, one_or_many(node, what));
  for (const Node* one : nodes) {
    SCANGATE_TRY(const Value value, one_of(*one, what, words));
    out.insert(value);
  }
  return out;
}

std::optional<int> port_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > 65535) return std::nullopt;
  return number;
}

// 22, "22/udp", "1-1023".
Result<PortPattern> port_pattern(const Node& node) {
  SCANGATE_TRY(const std::string text, scalar(node, "a port"));
  PortPattern pattern;
  std::string_view rest = text;
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    pattern.protocol = to_lower(rest.substr(slash + 1));
    rest = rest.substr(0, slash);
  }
  const auto dash = rest.find('-');
  const auto low = port_number(rest.substr(0, dash));
  const auto high = dash == std::string_view::npos ? low : port_number(rest.substr(dash + 1));
  const bool protocol_known =
      pattern.protocol.empty() || pattern.protocol == "tcp" || pattern.protocol == "udp" || pattern.protocol == "sctp";
  if (!low || !high || *low > *high || !protocol_known)
    return wrong(node.place, fmt::format("'{}' is no port; right are 22, 53/udp or 1-1023", text));
  pattern.low = *low;
  pattern.high = *high;
  return pattern;
}

// A list, or {except: list}.
struct Listed {
  const Node* list = nullptr;
  bool except = false;
};
Result<Listed> listed(const Node& node) {
  if (!node.is_map() || node.find("except") == nullptr) return Listed{&node, false};
  SCANGATE_CHECK(check_keys(node, {"except"}));
  return Listed{node.find("except"), true};
}

Result<PackagePattern> package_pattern(const Node& node) {
  PackagePattern pattern;
  if (!node.is_map()) {
    SCANGATE_TRY(pattern.name, scalar(node, "a package"));
    return pattern;
  }
  SCANGATE_CHECK(check_keys(node, {"name", "type", "version"}));
  const Node* name = node.find("name");
  if (name == nullptr) return wrong(node.place, "a package needs a 'name'");
  SCANGATE_TRY(pattern.name, scalar(*name, "'name'"));
  if (const Node* type = node.find("type")) {
    SCANGATE_TRY(pattern.type, scalar(*type, "'type'"));
  }
  if (const Node* version = node.find("version")) {
    SCANGATE_TRY(const std::string text, scalar(*version, "'version'"));
    const auto bounds = parse_version_bounds(text);
    if (!bounds) return wrong(version->place, fmt::format("'{}' is no version range; right is '>= 1.0, < 2.0'", text));
    pattern.bounds = *bounds;
  }
  return pattern;
}

Result<std::vector<PackagePattern>> package_patterns(const Node& node) {
  std::vector<PackagePattern> patterns;
  SCANGATE_TRY(const auto nodes, one_or_many(node, "the list of packages"));
  for (const Node* one : nodes) {
    SCANGATE_TRY(auto pattern, package_pattern(*one));
    patterns.push_back(std::move(pattern));
  }
  return patterns;
}

Result<void> read_port(const Node& node, Condition& condition) {
  SCANGATE_TRY(const Listed list, listed(node));
  PortCondition port;
  port.except = list.except;
  SCANGATE_TRY(const auto nodes, one_or_many(*list.list, "'port'"));
  for (const Node* one : nodes) {
    SCANGATE_TRY(auto pattern, port_pattern(*one));
    port.ports.push_back(std::move(pattern));
  }
  condition.port = std::move(port);
  return {};
}

Result<Condition> read_condition(const Node& node) {
  if (!node.is_map()) return wrong(node.place, "'when' has to be a map of conditions");
  SCANGATE_CHECK(
      check_keys(node, {"kind", "id", "severity", "fix", "port", "user", "env", "package", "installed", "from"}));
  Condition condition;
  for (const auto& [key, place, value] : node.entries) {
    if (key == "kind") {
      SCANGATE_TRY(condition.kinds, set_of<FindingKind>(value, "kind",
                                                        {{"vulnerability", FindingKind::vulnerability},
                                                         {"config", FindingKind::config},
                                                         {"package", FindingKind::package},
                                                         {"file", FindingKind::file},
                                                         {"data", FindingKind::data}}));
    } else if (key == "id") {
      SCANGATE_TRY(const auto nodes, one_or_many(value, "'id'"));
      for (const Node* one : nodes) {
        SCANGATE_TRY(auto glob, scalar(*one, "an id"));
        condition.ids.push_back(std::move(glob));
      }
    } else if (key == "severity") {
      SCANGATE_TRY(condition.severities, severities(value));
    } else if (key == "fix") {
      SCANGATE_TRY(condition.fixes, set_of<FixState>(value, "fix",
                                                     {{"available", FixState::fixed},
                                                      {"none", FixState::not_fixed},
                                                      {"will-not-fix", FixState::will_not_fix},
                                                      {"unknown", FixState::unknown}}));
    } else if (key == "port") {
      SCANGATE_CHECK(read_port(value, condition));
    } else if (key == "user") {
      SCANGATE_TRY(condition.root_user, one_of<bool>(value, "user", {{"root", true}}));
    } else if (key == "env") {
      SCANGATE_TRY(condition.secret_env, one_of<bool>(value, "env", {{"secret", true}}));
    } else if (key == "package") {
      SCANGATE_TRY(condition.packages, package_patterns(value));
    } else if (key == "installed") {
      SCANGATE_TRY(const Listed list, listed(value));
      InstalledCondition installed;
      installed.except = list.except;
      SCANGATE_TRY(installed.packages, package_patterns(*list.list));
      condition.installed = std::move(installed);
    } else {
      SCANGATE_TRY(condition.origin, one_of<Origin>(value, "from", {{"base", Origin::base}, {"own", Origin::own}}));
    }
  }
  return condition;
}

Result<Rule> read_rule(const Node& node) {
  if (!node.is_map()) return wrong(node.place, "a rule has to be a map with 'name', 'action' and 'when'");
  SCANGATE_CHECK(check_keys(node, {"name", "title", "action", "when"}));
  Rule rule;
  for (const char* key : {"name", "action", "when"}) {
    if (node.find(key) == nullptr) return wrong(node.place, fmt::format("the rule has no '{}'", key));
  }
  SCANGATE_TRY(rule.name, scalar(*node.find("name"), "'name'"));
  SCANGATE_TRY(rule.action,
               one_of<Action>(*node.find("action"), "action",
                              {{"stop", Action::stop}, {"warn", Action::warn}, {"ignore", Action::ignore}}));
  SCANGATE_TRY(rule.when, read_condition(*node.find("when")));
  if (const Node* title = node.find("title")) {
    SCANGATE_TRY(rule.title, scalar(*title, "'title'"));
  } else {
    rule.title = describe_condition(rule.when);
  }
  return rule;
}

Result<PolicyException> read_exception(const Node& node) {
  if (!node.is_map()) return wrong(node.place, "an exception has to be a map with 'id' and 'reason'");
  SCANGATE_CHECK(check_keys(node, {"id", "package", "detail", "reason", "expires"}));
  PolicyException exception;
  for (const char* key : {"id", "reason"}) {
    if (node.find(key) == nullptr) return wrong(node.place, fmt::format("the exception has no '{}'", key));
  }
  const Node& id = *node.find("id");
  SCANGATE_TRY(exception.id, scalar(id, "'id'"));
  if (exception.id.find_first_of("*?") != std::string::npos)
    return wrong(id.place, "an exception names one id, without '*' or '?'");
  SCANGATE_TRY(exception.reason, scalar(*node.find("reason"), "'reason'"));
  if (const Node* package = node.find("package")) {
    SCANGATE_TRY(exception.package, package_pattern(*package));
  }
  if (const Node* detail = node.find("detail")) {
    SCANGATE_TRY(exception.detail, scalar(*detail, "'detail'"));
  }
  if (const Node* expires = node.find("expires")) {
    SCANGATE_TRY(const std::string text, scalar(*expires, "'expires'"));
    exception.expires = parse_time(text);
    if (!exception.expires) return wrong(expires->place, fmt::format("'{}' is no date; right is 2027-01-31", text));
  }
  return exception;
}

// "30d", "12h", "2w".
Result<std::chrono::seconds> read_age(const Node& node) {
  SCANGATE_TRY(const std::string text, scalar(node, "'max_data_age'"));
  static constexpr std::array<std::pair<char, std::int64_t>, 3> kUnits{{{'h', 3'600}, {'d', 86'400}, {'w', 604'800}}};
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  // A hundred years: what is larger is a mistake, and would overflow.
  const bool whole = error == std::errc() && end + 1 == text.data() + text.size() && number > 0 && number <= 876'000;
  for (const auto& [unit, seconds] : kUnits) {
    if (whole && *end == unit) return std::chrono::seconds(number * seconds);
  }
  return wrong(node.place, fmt::format("'{}' is no age; right are 30d, 12h or 2w", text));
}

Result<bool> read_bool(const Node& node, std::string_view key) {
  return one_of<bool>(node, key, {{"true", true}, {"false", false}});
}

template <class Item, class Read>
Result<std::vector<Item>> read_list(const Node& node, std::string_view key, std::size_t cap, const Read& read) {
  std::vector<Item> items;
  if (node.is_null()) return items;
  if (!node.is_list()) return wrong(node.place, fmt::format("'{}' has to be a list", key));
  if (node.items.size() > cap) return wrong(node.place, fmt::format("'{}' holds more than {} entries", key, cap));
  for (const auto& one : node.items) {
    SCANGATE_TRY(auto item, read(one));
    items.push_back(std::move(item));
  }
  return items;
}

Result<void> check_rule_names(const Node& rules, const std::vector<Rule>& read) {
  std::map<std::string, yaml::Place> seen;
  for (std::size_t i = 0; i < read.size(); ++i) {
    const auto [at, is_new] = seen.emplace(read[i].name, rules.items[i].place);
    if (!is_new)
      return wrong(rules.items[i].place,
                   fmt::format("the rule name '{}' is taken at {}", read[i].name, at->second.str()));
  }
  return {};
}

}  // namespace

Result<PolicyLayer> parse_policy_layer(std::string_view text, std::string_view place) {
  const std::string file(place);
  if (text.size() > kMaxPolicyBytes)
    return fail(Error(Fault::user, fmt::format("larger than {}", human_bytes(kMaxPolicyBytes))).at(file));
  yaml::Budget budget(kMaxPolicyNodes);
  SCANGATE_TRY(const auto documents, yaml::read(text, place, budget));
  if (documents.size() > 1) return fail(Error(Fault::user, "more than one YAML document").at(file));
  const Node root = documents.empty() ? Node() : documents.front();
  PolicyLayer layer;
  layer.name = place;
  layer.fingerprint = Digest::of(text).hex();
  if (root.is_null()) return layer;
  if (!root.is_map()) return wrong(root.place, "a policy has to be a map with 'rules' or 'exceptions'");
  SCANGATE_CHECK(check_keys(root, {"name", "max_data_age", "rules", "exceptions", "allow_exceptions"}));
  for (const auto& [key, key_place, value] : root.entries) {
    if (key == "name") {
      SCANGATE_TRY(layer.name, scalar(value, "'name'"));
    } else if (key == "max_data_age") {
      SCANGATE_TRY(layer.max_data_age, read_age(value));
    } else if (key == "rules") {
      SCANGATE_TRY(layer.rules, read_list<Rule>(value, "rules", kMaxRules, read_rule));
      SCANGATE_CHECK(check_rule_names(value, layer.rules));
    } else if (key == "exceptions") {
      SCANGATE_TRY(layer.exceptions, read_list<PolicyException>(value, "exceptions", kMaxExceptions, read_exception));
    } else {
      SCANGATE_TRY(layer.allow_exceptions, read_bool(value, "allow_exceptions"));
    }
  }
  return layer;
}

}  // namespace scangate
