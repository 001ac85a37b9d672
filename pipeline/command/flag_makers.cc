#include "pipeline/command/flag_makers.h"

#include "base/text.h"
#include "pipeline/command/cache_flags.h"

namespace scangate::command::flag {

using Kind = Flag::Kind;

Flag toggle(std::string_view name, char letter, bool& into) {
  return {name, letter, Kind::toggle, [&into](const std::string& value) -> Result<void> {
            into = value == "true";
            return {};
          }};
}

Flag text(std::string_view name, char letter, std::string& into) {
  return {name, letter, Kind::value, [&into](const std::string& value) -> Result<void> {
            into = value;
            return {};
          }};
}

Flag texts(std::string_view name, char letter, std::vector<std::string>& into) {
  return {name, letter, Kind::value, [&into](const std::string& value) -> Result<void> {
            into.push_back(value);
            return {};
          }};
}

Flag build_arg(std::string_view name, std::vector<BuildArg>& into) {
  return {name, '\0', Kind::value, [&into](const std::string& value) -> Result<void> {
            const std::size_t at = value.find('=');
            if (value.empty() || at == 0) return fail(Fault::user, "the name is empty");
            BuildArg arg{value.substr(0, at), std::nullopt};
            if (at != std::string::npos) arg.value = value.substr(at + 1);
            into.push_back(std::move(arg));
            return {};
          }};
}

Flag pairs(std::string_view name, char letter, std::vector<std::pair<std::string, std::string>>& into) {
  return {name, letter, Kind::value, [&into](const std::string& value) -> Result<void> {
            const std::size_t at = value.find('=');
            if (value.empty() || at == 0) return fail(Fault::user, "the name is empty");
            into.emplace_back(value.substr(0, at), at == std::string::npos ? "" : value.substr(at + 1));
            return {};
          }};
}

Flag noted(std::string_view name, char letter, Kind kind, std::vector<std::string>& notes, std::string_view why) {
  return {name, letter, kind, [&notes, name, why](const std::string&) -> Result<void> {
            notes.push_back(fmt::format("--{}: {}", name, why));
            return {};
          }};
}

Flag age(std::string_view name, std::optional<std::chrono::seconds>& into) {
  return {name, '\0', Kind::value, [&into](const std::string& value) -> Result<void> {
            SCANGATE_TRY(into, parse_age(value));
            return {};
          }};
}

Flag silent(std::string_view name, char letter, Kind kind) {
  return {name, letter, kind, [](const std::string&) -> Result<void> { return {}; }};
}

Flag refused(std::string_view name, std::string_view why, char letter) {
  return {name, letter, Kind::refused, {}, why};
}

Flag credentials(std::string_view name, std::string& user, std::string& password) {
  return {name, '\0', Kind::value, [&user, &password](const std::string& value) -> Result<void> {
            const std::size_t colon = value.find(':');
            if (colon == std::string::npos || colon == 0) return fail(Fault::user, "expected user:password");
            user = value.substr(0, colon);
            password = value.substr(colon + 1);
            return {};
          }};
}

Error wrong_count(std::string_view command, std::string_view expected) {
  return Error(Fault::user, fmt::format("{}: requires {}", command, expected))
      .remedy(fmt::format("see '{} --help'", command));
}

Error not_served(std::string_view command, std::string_view name, const std::vector<std::string>& served) {
  Error error(Fault::user, fmt::format("{}: '{}' is not served by scangate", command, printable(name)));
  if (const auto like = nearest(name, served)) return std::move(error).remedy(fmt::format("did you mean '{}'?", *like));
  return std::move(error).remedy(fmt::format("{} are", fmt::join(served, ", ")));
}

}  // namespace scangate::command::flag
