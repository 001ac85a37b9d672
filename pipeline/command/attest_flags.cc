#include "pipeline/command/attest_flags.h"

#include "base/text.h"

namespace scangate::command {
namespace {

using Attributes = std::vector<std::pair<std::string, std::string>>;

// As Go's strconv.ParseBool, which buildx uses.
std::optional<bool> boolean(std::string_view text) {
  const std::string word = to_lower(text);
  if (word == "1" || word == "t" || word == "true") return true;
  if (word == "0" || word == "f" || word == "false") return false;
  return std::nullopt;
}

Result<Attributes> attributes_of(const std::string& text) {
  Attributes out;
  for (const std::string& field : split(text, ',')) {
    const std::size_t equals = field.find('=');
    if (equals == 0 || equals == std::string::npos)
      return fail(Fault::user, fmt::format("'{}' is not NAME=VALUE", printable(field)));
    out.emplace_back(to_lower(trim(field.substr(0, equals))), field.substr(equals + 1));
  }
  return out;
}

Result<bool> flag_of(const std::pair<std::string, std::string>& attribute) {
  if (const auto value = boolean(attribute.second)) return *value;
  return fail(Fault::user,
              fmt::format("{}='{}' is neither true nor false", attribute.first, printable(attribute.second)));
}

Error unknown(const std::string& name, std::string_view type, std::string_view known) {
  return Error(Fault::user, fmt::format("'{}' is no attribute of {}, which are {}", printable(name), type, known));
}

Result<void> say_once(bool& said, std::string_view type) {
  if (std::exchange(said, true)) return fail(Fault::user, fmt::format("{} is asked for twice", type));
  return {};
}

Result<void> take_sbom(const Attributes& attributes, AttestFlags& into) {
  SCANGATE_CHECK(say_once(into.sbom_said, "an SBOM"));
  into.sbom = true;
  for (const auto& each : attributes) {
    if (each.first == "disabled") {
      SCANGATE_TRY(const bool off, flag_of(each));
      into.sbom = !off;
    } else if (each.first == "generator") {
      return fail(Fault::user, fmt::format("the generator '{}' is not run: the SBOM is made of what is found in the "
                                           "layers while they are written; use --sbom=true",
                                           printable(each.second)));
    } else {
      return fail(unknown(each.first, "an SBOM", "disabled and generator"));
    }
  }
  return {};
}

Result<void> take_provenance(const Attributes& attributes, AttestFlags& into) {
  SCANGATE_CHECK(say_once(into.provenance_said, "provenance"));
  ProvenanceFlag flag;
  bool disabled = false;
  for (const auto& each : attributes) {
    const auto& [name, value] = each;
    if (name == "disabled") {
      SCANGATE_TRY(disabled, flag_of(each));
    } else if (name == "mode") {
      if (value != "min" && value != "max")
        return fail(Fault::user, fmt::format("mode='{}' is neither min nor max", printable(value)));
      flag.max = value == "max";
    } else if (name == "version") {
      if (value != "v0.2" && value != "v1")
        return fail(Fault::user, fmt::format("version='{}' is neither v0.2 nor v1", printable(value)));
      flag.slsa_v1 = value == "v1";
    } else if (name == "builder-id") {
      flag.builder_id = value;
    } else if (name == "reproducible") {
      SCANGATE_TRY(flag.reproducible, flag_of(each));
    } else {
      return fail(unknown(name, "provenance", "mode, version, builder-id, reproducible and disabled"));
    }
  }
  if (!disabled) into.provenance = std::move(flag);
  return {};
}

template <class Take>
Result<void> take_short(const std::string& value, AttestFlags& into, Take take) {
  if (const auto on = boolean(value)) return take({{"disabled", *on ? "false" : "true"}}, into);
  SCANGATE_TRY(const Attributes attributes, attributes_of(value));
  return take(attributes, into);
}

}  // namespace

Result<void> take_sbom_flag(const std::string& value, AttestFlags& into) {
  return take_short(value, into, take_sbom);
}

Result<void> take_provenance_flag(const std::string& value, AttestFlags& into) {
  return take_short(value, into, take_provenance);
}

Result<void> take_attest_flag(const std::string& value, AttestFlags& into) {
  SCANGATE_TRY(Attributes attributes, attributes_of(value));
  std::string type;
  std::erase_if(attributes, [&](const auto& each) {
    if (each.first != "type") return false;
    type = each.second;
    return true;
  });
  if (type == "sbom") return take_sbom(attributes, into);
  if (type == "provenance") return take_provenance(attributes, into);
  return fail(Fault::user, type.empty() ? "it has no type=sbom or type=provenance"
                                        : fmt::format("type='{}' is neither sbom nor provenance", printable(type)));
}

void add_attest_flags(std::vector<Flag>& flags, AttestFlags& into) {
  const auto add = [&](std::string_view name, Result<void> (*take)(const std::string&, AttestFlags&)) {
    flags.push_back(
        {name, '\0', Flag::Kind::value, [take, &into](const std::string& value) { return take(value, into); }});
  };
  add("sbom", take_sbom_flag);
  add("provenance", take_provenance_flag);
  add("attest", take_attest_flag);
}

}  // namespace scangate::command
