#include "pipeline/ci/inputs.h"

#include <array>
#include <map>
#include <set>

#include "base/text.h"
#include "pipeline/ci/keywords.h"
#include "pipeline/ci/reader.h"
#include "pipeline/ci/regex.h"

namespace scangate::ci {
namespace {

// GitLab's limit for one interpolated block's length is 1 kB too.
constexpr std::size_t kMaxBlockBytes = 1024;

using Inputs = std::map<std::string, Value, std::less<>>;

bool fits(const Value& value, std::string_view type) {
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_integer() || value.kind == Value::Kind::real;
  if (type == "boolean") return value.is_bool();
  return value.is_list();
}

Result<Value> read_input(const Entry& declared, const Value& given, const Place& include_place) {
  static const std::array<std::string, 6> kKeys = {"default", "type", "options", "regex", "description", "rules"};
  static const std::array<std::string, 4> kTypes = {"string", "number", "boolean", "array"};
  const std::string where = "spec:inputs:" + printable(declared.key);
  const Value& spec = declared.value;
  if (!spec.is_null()) {
    SCANGATE_CHECK(expect_map(spec, where));
    SCANGATE_CHECK(check_keys(spec, kKeys, where));
    if (const Value* rules = spec.get("rules"))
      return fail(error_at(rules->place, where + ":rules is not supported yet").remedy("use 'options' and 'default'"));
  }
  std::string type = "string";
  if (const Value* written = spec.get("type")) {
    SCANGATE_TRY(type, read_word(*written, where + ":type", kTypes));
  }
  const Value* value = given.find(declared.key);
  if (value == nullptr) value = spec.find("default");
  if (value == nullptr)
    return fail(
        error_at(include_place, fmt::format("input '{}' has no default and is not given", printable(declared.key)))
            .remedy("set it under 'include:inputs'"));
  if (!fits(*value, type))
    return fail(wrong_type(*value, fmt::format("input '{}'", printable(declared.key)), "a " + type));
  if (const Value* options = spec.get("options")) {
    if (!options->is_list()) return fail(wrong_type(*options, where + ":options", "a list"));
    std::string list;
    bool found = false;
    for (const Value& option : options->items) {
      found = found || option.text == value->text;
      list += (list.empty() ? "" : ", ") + printable(option.text);
    }
    if (!found)
      return fail(error_at(value->place, fmt::format("input '{}': '{}' is not one of {}", printable(declared.key),
                                                     printable(value->text), list)));
  }
  if (const Value* written = spec.get("regex")) {
    SCANGATE_TRY(const std::string text, read_text(*written, where + ":regex"));
    auto regex = Regex::is_slashed(text) ? Regex::parse_slashed(text) : Regex::compile(text);
    if (!regex) return fail(std::move(regex.error()).at(written->place.str()));
    if (!regex->matches(value->text))
      return fail(error_at(value->place, fmt::format("input '{}': '{}' does not match {}", printable(declared.key),
                                                     printable(value->text), printable(text))));
  }
  return *value;
}

// What one `$[[ … ]]` stands for.
Result<const Value*> look_up(std::string_view block, const Inputs& inputs, const Place& place) {
  const std::string_view path = trim(block);
  if (path.find('|') != std::string_view::npos)
    return fail(error_at(place, fmt::format("functions in '$[[ {} ]]' are not supported yet", printable(path))));
  if (!path.starts_with("inputs."))
    return fail(
        error_at(place, fmt::format("'$[[ {} ]]' is not supported yet", printable(path))).remedy("only inputs are"));
  const auto found = inputs.find(path.substr(7));
  if (found != inputs.end()) return &found->second;
  std::vector<std::string> names;
  for (const auto& [name, value] : inputs)
    names.push_back(name);
  Error error = error_at(place, fmt::format("unknown input '{}'", printable(path.substr(7))));
  if (const auto like = nearest(path.substr(7), names))
    return fail(std::move(error).remedy(fmt::format("did you mean '{}'?", *like)));
  return fail(std::move(error).remedy("declare it under 'spec:inputs'"));
}

Result<void> fill_text(std::string& text, const Place& place, const Inputs& inputs, Budget& budget) {
  std::string out;
  std::string_view rest = text;
  for (std::size_t begin = rest.find("$[["); begin != std::string_view::npos; begin = rest.find("$[[")) {
    const std::size_t end = rest.find("]]", begin);
    if (end == std::string_view::npos) break;
    if (end - begin > kMaxBlockBytes)
      return fail(error_at(place, fmt::format("a '$[[ … ]]' longer than {} bytes", kMaxBlockBytes)));
    SCANGATE_TRY(const Value* value, look_up(rest.substr(begin + 3, end - begin - 3), inputs, place));
    if (!value->is_scalar())
      return fail(error_at(place, fmt::format("an input that is {} cannot be part of a text", value->kind_name())));
    SCANGATE_CHECK(budget.spend_bytes(value->text.size(), place));
    out.append(rest.substr(0, begin)).append(value->text);
    rest.remove_prefix(end + 2);
  }
  text = out.append(rest);
  return {};
}

Result<void> fill(Value& value, const Inputs& inputs, Budget& budget) {
  if (value.is_string() && value.text.find("$[[") != std::string::npos) {
    const std::string_view text = trim(value.text);
    if (text.starts_with("$[[") && text.find("]]") == text.size() - 2) {
      SCANGATE_TRY(const Value* input, look_up(text.substr(3, text.size() - 5), inputs, value.place));
      SCANGATE_CHECK(budget.spend(input->node_count(), value.place));
      const Place place = value.place;
      value = *input;
      value.place = place;
      return {};
    }
    return fill_text(value.text, value.place, inputs, budget);
  }
  for (Value& item : value.items)
    SCANGATE_CHECK(fill(item, inputs, budget));
  std::set<std::string_view> keys;
  for (Entry& entry : value.entries) {
    if (entry.key.find("$[[") != std::string::npos)
      SCANGATE_CHECK(fill_text(entry.key, entry.key_place, inputs, budget));
    if (!keys.insert(entry.key).second)
      return fail(error_at(entry.key_place,
                           fmt::format("key '{}' stands twice after its inputs are filled in", printable(entry.key))));
    SCANGATE_CHECK(fill(entry.value, inputs, budget));
  }
  return {};
}

bool is_header(const Value& document) {
  return document.is_map() && document.find("spec") != nullptr;
}

}  // namespace

Result<Value> fill_inputs(std::vector<Value> documents, const Value& given, const Place& include_place,
                          Budget& budget) {
  static const std::array<std::string, 1> kSpec = {"spec"};
  static const std::array<std::string, 3> kSpecKeys = {"inputs", "description", "component"};
  Inputs inputs;
  std::size_t next = 0;
  if (!documents.empty() && is_header(documents[0])) {
    const Value& header = documents[0];
    if (documents.size() == 1)
      return fail(error_at(header.place, "a 'spec:' header without a configuration")
                      .remedy("separate the two by a line '---'"));
    SCANGATE_CHECK(check_keys(header, kSpec, "header"));
    next = 1;
    const Value* spec = header.get("spec");
    if (spec != nullptr) {
      SCANGATE_CHECK(expect_map(*spec, "spec"));
      SCANGATE_CHECK(check_keys(*spec, kSpecKeys, "spec"));
      if (const Value* declared = spec->get("inputs")) {
        SCANGATE_CHECK(expect_map(*declared, "spec:inputs"));
        for (const Entry& entry : declared->entries) {
          SCANGATE_TRY(Value value, read_input(entry, given, include_place));
          inputs.emplace(entry.key, std::move(value));
        }
      }
    }
  }
  for (const Entry& entry : given.entries)
    if (!inputs.contains(entry.key))
      return fail(error_at(entry.key_place, fmt::format("unknown input '{}'", printable(entry.key)))
                      .remedy("the included file does not declare it under 'spec:inputs'"));
  if (documents.size() > next + 1)
    return fail(error_at(documents[next + 1].place, "more than one configuration in a file")
                    .remedy("only a 'spec:' header may come before it"));
  if (documents.size() == next) return Value{};
  Value root = std::move(documents[next]);
  if (next == 1) SCANGATE_CHECK(fill(root, inputs, budget));
  return root;
}

}  // namespace scangate::ci
