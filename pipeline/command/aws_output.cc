#include <charconv>

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/command/aws.h"

namespace scangate::command {
namespace {

// Longer paths are not written by hand.
constexpr std::size_t kMaxQueryBytes = 1000;

struct Step {
  enum class Kind { member, index, each };
  Kind kind = Kind::member;
  std::string name;
  std::int64_t index = 0;
};

Error no_query(std::string_view query) {
  return Error(Fault::user, fmt::format("aws: --query '{}' is not served by scangate", printable(query)))
      .remedy("plain paths like repositories[0].repositoryUri are; use --output json and jq for more");
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

Result<std::vector<Step>> read_query(std::string_view query) {
  std::vector<Step> out;
  if (query.size() > kMaxQueryBytes) return fail(no_query(query.substr(0, 40)));
  std::size_t at = 0;
  bool wants_member = true;  // at the beginning and behind a dot
  while (at < query.size()) {
    if (query[at] == '[') {
      const std::size_t close = query.find(']', at);
      if (close == std::string_view::npos) return fail(no_query(query));
      const std::string_view inside = query.substr(at + 1, close - at - 1);
      Step step;
      if (inside.empty() || inside == "*") {
        step.kind = Step::Kind::each;
      } else {
        step.kind = Step::Kind::index;
        const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), step.index);
        if (error != std::errc() || end != inside.data() + inside.size()) return fail(no_query(query));
      }
      out.push_back(std::move(step));
      at = close + 1;
      wants_member = false;
      continue;
    }
    if (query[at] == '.') {
      if (wants_member || at == 0) return fail(no_query(query));
      wants_member = true;
      ++at;
      continue;
    }
    if (!wants_member) return fail(no_query(query));
    Step step;
    if (query[at] == '"') {
      const std::size_t close = query.find('"', at + 1);
      if (close == std::string_view::npos) return fail(no_query(query));
      step.name = query.substr(at + 1, close - at - 1);
      at = close + 1;
    } else {
      const std::size_t begin = at;
      while (at < query.size() && is_name_char(query[at]))
        ++at;
      if (at == begin) return fail(no_query(query));
      step.name = query.substr(begin, at - begin);
    }
    out.push_back(std::move(step));
    wants_member = false;
  }
  if (wants_member) return fail(no_query(query));
  return out;
}

// What the steps from `at` on give; null where something is missing, as JMESPath has it.
nlohmann::ordered_json follow(const nlohmann::ordered_json& value, const std::vector<Step>& steps, std::size_t at) {
  if (at == steps.size()) return value;
  const Step& step = steps[at];
  switch (step.kind) {
    case Step::Kind::member:
      if (!value.is_object() || !value.contains(step.name)) return nullptr;
      return follow(value[step.name], steps, at + 1);
    case Step::Kind::index: {
      if (!value.is_array()) return nullptr;
      const auto size = static_cast<std::int64_t>(value.size());
      const std::int64_t index = step.index < 0 ? size + step.index : step.index;
      if (index < 0 || index >= size) return nullptr;
      return follow(value[static_cast<std::size_t>(index)], steps, at + 1);
    }
    case Step::Kind::each:
      break;
  }
  if (!value.is_array()) return nullptr;
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const auto& item : value) {
    auto one = follow(item, steps, at + 1);
    if (one.is_null()) continue;
    // A second projection flattens.
    if (one.is_array() && at + 1 < steps.size() && steps[at + 1].kind != Step::Kind::index)
      for (auto& inner : one)
        out.push_back(std::move(inner));
    else
      out.push_back(std::move(one));
  }
  return out;
}

std::string plain(const nlohmann::ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return dump_json(value);
}

bool is_plain(const nlohmann::ordered_json& value) {
  return !value.is_structured();
}

// The CLI's text: values of one object on a line behind its name in capitals, lists of plain values with tabs.
void text_lines(const nlohmann::ordered_json& value, const std::string& name, std::string& out) {
  const auto line = [&](std::string text) { out += (name.empty() ? "" : name + "\t") + std::move(text) + "\n"; };
  if (is_plain(value)) return line(plain(value));
  std::vector<std::string> words;
  if (value.is_array()) {
    for (const auto& item : value)
      if (is_plain(item)) words.push_back(plain(item));
    if (!words.empty()) line(fmt::format("{}", fmt::join(words, "\t")));
    for (const auto& item : value)
      if (!is_plain(item)) text_lines(item, name, out);
    return;
  }
  // By name, as the CLI sorts them.
  std::map<std::string, const nlohmann::ordered_json*> members;
  for (const auto& [key, member] : value.items())
    members.emplace(key, &member);
  for (const auto& [key, member] : members)
    if (is_plain(*member)) words.push_back(plain(*member));
  if (!words.empty()) line(fmt::format("{}", fmt::join(words, "\t")));
  for (const auto& [key, member] : members) {
    if (is_plain(*member)) continue;
    std::string upper = key;
    for (char& c : upper)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    text_lines(*member, upper, out);
  }
}

}  // namespace

Result<std::string> aws_output(std::string_view json, std::string_view query, std::string_view output) {
  // Checked for syntax and depth first; the members stay in the order of the answer.
  SCANGATE_CHECK(parse_json(json, "the answer").map([](const auto&) {}));
  nlohmann::ordered_json value = nlohmann::ordered_json::parse(json, nullptr, false);
  if (!query.empty()) {
    SCANGATE_TRY(const auto steps, read_query(query));
    value = follow(value, steps, 0);
  }
  if (output != "text") return dump_json(value, 4) + "\n";
  std::string out;
  text_lines(value, "", out);
  return out;
}

}  // namespace scangate::command
