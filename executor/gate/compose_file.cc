#include "executor/gate/compose_file.h"

#include <algorithm>
#include <array>

#include "base/json/json.h"
#include "base/text.h"
#include "base/yaml/yaml.h"

namespace scangate {
namespace {

using yaml::Value;

// Defaults inside defaults; people write one or two levels.
constexpr int kMaxVariableDepth = 10;
// Plain files have some ten services; this bounds what one command may build.
constexpr std::size_t kMaxServices = 1000;

bool is_name(char c, bool first) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

std::size_t name_end(std::string_view text, std::size_t at) {
  const std::size_t begin = at;
  while (at < text.size() && is_name(text[at], at == begin))
    ++at;
  return at;
}

// "${" was read: the place of the brace that closes it.
std::size_t closing_brace(std::string_view text, std::size_t at) {
  for (int open = 1; at < text.size(); ++at) {
    if (text[at] == '{' && at > 0 && text[at - 1] == '$') ++open;
    if (text[at] == '}' && --open == 0) return at;
  }
  return std::string_view::npos;
}

// What stands between the braces.
Result<std::string> braced(std::string_view inside, const ComposeVariables& variables, int depth) {
  const std::size_t end = name_end(inside, 0);
  if (end == 0) return fail(Fault::user, fmt::format("'${{{}}}' names no variable", printable(inside)));
  const std::string name(inside.substr(0, end));
  std::string_view rest = inside.substr(end);
  const auto value = variables(name);
  if (rest.empty()) return value.value_or("");
  const bool empty_counts = rest.starts_with(':');
  if (empty_counts) rest.remove_prefix(1);
  const char kind = rest.empty() ? '\0' : rest[0];
  const std::string_view other = rest.empty() ? rest : rest.substr(1);
  const bool is_set = value && !(empty_counts && value->empty());
  switch (kind) {
    case '-':
      return is_set ? Result<std::string>(*value) : put_in_variables(other, variables, depth + 1);
    case '+':
      return is_set ? put_in_variables(other, variables, depth + 1) : Result<std::string>("");
    case '?':
      if (is_set) return *value;
      return fail(Fault::user, fmt::format("the variable '{}' is not set: {}", name, printable(other)));
    default:
      return fail(Fault::user, fmt::format("'${{{}}}' is no form of a variable that is served", printable(inside)));
  }
}

Result<void> put_in_all(Value& value, const ComposeVariables& variables) {
  if (value.is_string() && value.text.find('$') != std::string::npos) {
    auto text = put_in_variables(value.text, variables);
    if (!text) return fail(yaml::error_at(value.place, text.error().cause()));
    value.text = std::move(*text);
  }
  for (Value& item : value.items)
    SCANGATE_CHECK(put_in_all(item, variables));
  for (yaml::Entry& entry : value.entries)
    SCANGATE_CHECK(put_in_all(entry.value, variables));
  return {};
}

void lay_over(Value& base, Value over) {
  if (!base.is_map() || !over.is_map()) {
    base = std::move(over);
    return;
  }
  for (yaml::Entry& entry : over.entries) {
    if (Value* below = base.find(entry.key))
      lay_over(*below, std::move(entry.value));
    else
      base.set(entry.key, entry.key_place, std::move(entry.value));
  }
}

nlohmann::ordered_json to_json(const Value& value) {
  switch (value.kind) {
    case Value::Kind::map: {
      nlohmann::ordered_json out = nlohmann::ordered_json::object();
      for (const yaml::Entry& entry : value.entries)
        out[entry.key] = to_json(entry.value);
      return out;
    }
    case Value::Kind::list: {
      nlohmann::ordered_json out = nlohmann::ordered_json::array();
      for (const Value& item : value.items)
        out.push_back(to_json(item));
      return out;
    }
    case Value::Kind::null:
      return nullptr;
    case Value::Kind::boolean:
      return value.text == "true";
    case Value::Kind::integer:
    case Value::Kind::real: {
      auto number = nlohmann::ordered_json::parse(value.text, nullptr, false);
      return number.is_discarded() ? nlohmann::ordered_json(value.text) : number;
    }
    default:
      return value.text;
  }
}

// Block style with texts quoted as JSON, which YAML reads as the same.
void write_yaml(const nlohmann::ordered_json& value, std::size_t indent, std::string& out) {
  const std::string blanks(indent, ' ');
  const auto scalar_or_below = [&](const nlohmann::ordered_json& item) {
    if (item.empty() || !item.is_structured()) {
      out += " " + dump_json(item) + "\n";
    } else {
      out += "\n";
      write_yaml(item, indent + 2, out);
    }
  };
  if (value.is_object())
    for (const auto& [key, item] : value.items()) {
      const bool plain = std::all_of(key.begin(), key.end(), [](char c) { return is_name(c, false) || c == '-'; });
      out += blanks + (plain ? key : dump_json(nlohmann::ordered_json(key))) + ":";
      scalar_or_below(item);
    }
  else
    for (const auto& item : value) {
      out += blanks + "-";
      scalar_or_below(item);
    }
}

class ServiceReader {
 public:
  Result<ComposeService> read(const yaml::Entry& entry) {
    ComposeService out;
    out.name = entry.key;
    const Value& service = entry.value;
    if (!service.is_map())
      return fail(yaml::error_at(service.place, fmt::format("service '{}' must be a map", printable(entry.key))));
    if (const Value* extends = service.get("extends"))
      return fail(yaml::error_at(extends->place, "'extends' is not served by scangate"));
    SCANGATE_TRY(out.image, text(service, "image"));
    SCANGATE_TRY(out.profiles, texts(service, "profiles"));
    if (const Value* build = service.get("build")) {
      SCANGATE_TRY(out.build, read_build(*build));
    }
    return out;
  }

 private:
  static Result<std::string> text(const Value& map, std::string_view key) {
    const Value* value = map.get(key);
    if (value == nullptr) return std::string();
    if (!value->is_scalar()) return fail(yaml::error_at(value->place, fmt::format("'{}' must be a text", key)));
    return value->text;
  }

  static Result<std::vector<std::string>> texts(const Value& map, std::string_view key) {
    std::vector<std::string> out;
    const Value* value = map.get(key);
    if (value == nullptr) return out;
    if (!value->is_list()) return fail(yaml::error_at(value->place, fmt::format("'{}' must be a list", key)));
    for (const Value& item : value->items) {
      if (!item.is_scalar()) return fail(yaml::error_at(item.place, fmt::format("'{}' must be a list of texts", key)));
      out.push_back(item.text);
    }
    return out;
  }

  // A map, or a list of NAME=VALUE; without a value it is the caller's.
  static Result<std::vector<command::BuildArg>> pairs(const Value& map, std::string_view key) {
    std::vector<command::BuildArg> out;
    const Value* value = map.get(key);
    if (value == nullptr) return out;
    if (value->is_map()) {
      for (const yaml::Entry& entry : value->entries) {
        if (!entry.value.is_null() && !entry.value.is_scalar())
          return fail(
              yaml::error_at(entry.value.place, fmt::format("'{}' of '{}' must be a text", printable(entry.key), key)));
        out.push_back({entry.key, entry.value.is_null() ? std::nullopt : std::optional(entry.value.text)});
      }
      return out;
    }
    SCANGATE_TRY(const auto list, texts(map, key));
    for (const std::string& item : list) {
      const std::size_t equals = item.find('=');
      out.push_back({item.substr(0, equals),
                     equals == std::string::npos ? std::nullopt : std::optional(item.substr(equals + 1))});
    }
    return out;
  }

  static Result<command::BuildRequest> read_build(const Value& build) {
    command::BuildRequest out;
    out.context = ".";
    if (build.is_scalar()) {
      out.context = build.text;
      return out;
    }
    if (!build.is_map()) return fail(yaml::error_at(build.place, "'build' must be a folder or a map"));
    static constexpr std::array<std::string_view, 14> kKnown = {
        "context",  "dockerfile", "args",      "target",     "labels",   "tags",       "network",
        "no_cache", "pull",       "platforms", "cache_from", "cache_to", "provenance", "sbom"};
    for (const yaml::Entry& entry : build.entries)
      if (!entry.key.starts_with("x-") && std::find(kKnown.begin(), kKnown.end(), entry.key) == kKnown.end())
        return fail(yaml::error_at(entry.key_place,
                                 fmt::format("'{}' of 'build' is not served by scangate", printable(entry.key)))
                        .remedy(fmt::format("{} are", fmt::join(kKnown, ", "))));
    SCANGATE_TRY(const std::string context, text(build, "context"));
    if (!context.empty()) out.context = context;
    SCANGATE_TRY(out.dockerfile, text(build, "dockerfile"));
    SCANGATE_TRY(out.build_args, pairs(build, "args"));
    SCANGATE_TRY(out.target, text(build, "target"));
    SCANGATE_TRY(const auto labels, pairs(build, "labels"));
    for (const auto& label : labels)
      out.labels.emplace_back(label.name, label.value.value_or(""));
    SCANGATE_TRY(out.tags, texts(build, "tags"));
    SCANGATE_TRY(out.network, text(build, "network"));
    SCANGATE_TRY(out.platforms, texts(build, "platforms"));
    SCANGATE_TRY(out.cache_from, texts(build, "cache_from"));
    SCANGATE_TRY(out.cache_to, texts(build, "cache_to"));
    SCANGATE_TRY(const std::string sbom, text(build, "sbom"));
    if (!sbom.empty()) SCANGATE_CHECK(command::take_sbom_flag(sbom, out.attestations));
    SCANGATE_TRY(const std::string provenance, text(build, "provenance"));
    if (!provenance.empty()) SCANGATE_CHECK(command::take_provenance_flag(provenance, out.attestations));
    const Value* no_cache = build.get("no_cache");
    const Value* pull = build.get("pull");
    out.no_cache = no_cache != nullptr && no_cache->is_true();
    out.pull = pull != nullptr && pull->is_true();
    return out;
  }
};

}  // namespace

Result<std::string> put_in_variables(std::string_view text, const ComposeVariables& variables, int depth) {
  if (depth > kMaxVariableDepth)
    return fail(Fault::user, fmt::format("variables are nested deeper than {}", kMaxVariableDepth));
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i++];
      continue;
    }
    if (text[i + 1] == '$') {
      out += '$';
      i += 2;
    } else if (text[i + 1] == '{') {
      const std::size_t close = closing_brace(text, i + 2);
      if (close == std::string_view::npos) return fail(Fault::user, "'${' is not closed");
      SCANGATE_TRY(const std::string value, braced(text.substr(i + 2, close - i - 2), variables, depth));
      out += value;
      i = close + 1;
    } else if (is_name(text[i + 1], true)) {
      const std::size_t end = name_end(text, i + 1);
      out += variables(text.substr(i + 1, end - i - 1)).value_or("");
      i = end;
    } else {
      return fail(Error(Fault::user, fmt::format("'{}' is no variable", printable(text.substr(i, 2))))
                      .remedy("write $$ for the sign itself"));
    }
  }
  return out;
}

std::map<std::string, std::string> read_env_file(std::string_view text) {
  std::map<std::string, std::string> out;
  for (const std::string& whole : split(text, '\n')) {
    std::string_view line = trim(whole);
    if (line.starts_with("export ")) line = trim(line.substr(7));
    const std::size_t equals = line.find('=');
    if (line.empty() || line.starts_with('#') || equals == std::string_view::npos) continue;
    std::string_view value = trim(line.substr(equals + 1));
    if (value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0])
      value = value.substr(1, value.size() - 2);
    else if (const std::size_t comment = value.find(" #"); comment != std::string_view::npos)
      value = trim(value.substr(0, comment));
    out[std::string(trim(line.substr(0, equals)))] = std::string(value);
  }
  return out;
}

Result<ComposeProject> read_compose(const std::vector<std::pair<std::string, std::string>>& files,
                                    const ComposeVariables& variables) {
  yaml::Budget budget;
  std::optional<Value> merged;
  for (const auto& [name, text] : files) {
    SCANGATE_TRY(auto documents, yaml::read(text, name, budget));
    if (documents.size() != 1 || !documents[0].is_map())
      return fail(Error(Fault::user, "a compose file is one YAML map").at(name));
    SCANGATE_CHECK(put_in_all(documents[0], variables));
    if (merged)
      lay_over(*merged, std::move(documents[0]));
    else
      merged = std::move(documents[0]);
  }
  if (!merged) return fail(Fault::user, "no compose file is given");
  if (const Value* include = merged->get("include"))
    return fail(yaml::error_at(include->place, "'include' is not served by scangate"));
  ComposeProject out;
  if (const Value* name = merged->get("name"); name != nullptr && name->is_scalar()) out.name = name->text;
  const Value* services = merged->get("services");
  if (services == nullptr || !services->is_map())
    return fail(yaml::error_at(merged->place, "a compose file needs 'services', a map"));
  if (services->entries.size() > kMaxServices)
    return fail(yaml::error_at(services->place, fmt::format("more than {} services", kMaxServices)));
  for (const yaml::Entry& entry : services->entries) {
    SCANGATE_TRY(auto service, ServiceReader().read(entry));
    out.services.push_back(std::move(service));
  }
  const auto json = to_json(*merged);
  write_yaml(json, 0, out.yaml);
  out.json = dump_json(json, 2) + "\n";
  return out;
}

}  // namespace scangate
