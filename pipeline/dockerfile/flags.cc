#include "pipeline/dockerfile/flags.h"

#include <algorithm>

#include "base/text.h"

namespace scangate::dockerfile {

Result<FlagSet> FlagSet::parse(const std::vector<Word>& flags, std::span<const FlagRule> rules,
                               std::string_view instruction, const std::string& file_name) {
  FlagSet set;
  for (const Word& flag : flags) {
    const auto broken = [&](std::string cause) {
      return Error(Fault::user, std::move(cause)).at(place_text(file_name, flag.place));
    };
    const std::string_view body = std::string_view(flag.text).substr(2);
    const std::size_t equals = body.find('=');
    const std::string name(body.substr(0, equals));
    const auto rule = std::ranges::find(rules, std::string_view(name), &FlagRule::name);
    if (rule == rules.end()) {
      std::vector<std::string> known;
      for (const FlagRule& each : rules)
        known.push_back("--" + std::string(each.name));
      Error error = broken(fmt::format("{} does not know the flag '--{}'", instruction, printable(name)));
      if (auto best = nearest("--" + name, known))
        return fail(std::move(error).remedy(fmt::format("did you mean '{}'?", *best)));
      return fail(std::move(error));
    }
    if (rule->kind != FlagKind::repeated_text && std::ranges::find(set.given_, name, &Given::name) != set.given_.end())
      return fail(broken(fmt::format("the flag '--{}' may be given once", name)));
    std::string value(equals == std::string_view::npos ? "" : body.substr(equals + 1));
    if (rule->kind == FlagKind::boolean) {
      if (equals == std::string_view::npos) value = "true";
      value = to_lower(value);
      if (value != "true" && value != "false")
        return fail(broken(fmt::format("'--{}' is true or false, not '{}'", name, printable(value))));
    } else if (equals == std::string_view::npos) {
      return fail(
          broken(fmt::format("the flag '--{}' needs a value", name)).remedy(fmt::format("write --{}=VALUE", name)));
    }
    set.given_.push_back({name, Word{std::move(value), flag.place}});
  }
  return set;
}

std::optional<Word> FlagSet::text(std::string_view name) const {
  for (const Given& given : given_) {
    if (given.name == name) return given.value;
  }
  return std::nullopt;
}

std::vector<Word> FlagSet::texts(std::string_view name) const {
  std::vector<Word> values;
  for (const Given& given : given_) {
    if (given.name == name) values.push_back(given.value);
  }
  return values;
}

std::optional<bool> FlagSet::boolean(std::string_view name) const {
  if (auto value = text(name)) return value->text == "true";
  return std::nullopt;
}

}  // namespace scangate::dockerfile
