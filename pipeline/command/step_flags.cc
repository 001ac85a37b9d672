#include "pipeline/command/step_flags.h"

#include <charconv>

#include "base/byte_size.h"
#include "base/text.h"
#include "pipeline/command/flag_makers.h"

namespace scangate::command {
namespace {

using Kind = Flag::Kind;

constexpr std::string_view kHostLimits = "the host's own limits hold for the job as a whole";

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> limit_of(std::string_view text) {
  if (text == "-1" || text == "unlimited") return UINT64_MAX;
  return whole_number(text);
}

Flag number(std::string_view name, char letter, std::optional<std::uint64_t>& into) {
  return {name, letter, Kind::value, [&into](const std::string& value) -> Result<void> {
            into = whole_number(value);
            if (into) return {};
            return fail(Fault::user, fmt::format("'{}' is not a number", printable(value)));
          }};
}

Flag size(std::string_view name, char letter, std::optional<std::uint64_t>& into) {
  return {name, letter, Kind::value, [&into](const std::string& value) -> Result<void> {
            const auto size = parse_size_flag(value);
            if (!size) return fail(Fault::user, size.error().text());  // with the remedy, which would be lost
            into = *size;
            return {};
          }};
}

template <class Item>
Flag list(std::string_view name, Result<Item> (*parse)(const std::string&), std::vector<Item>& into) {
  return {name, '\0', Kind::value, [parse, &into](const std::string& value) -> Result<void> {
            auto item = parse(value);
            if (!item) return fail(Fault::user, item.error().text());
            into.push_back(std::move(*item));
            return {};
          }};
}

}  // namespace

Result<SecretFlag> parse_secret_flag(const std::string& value) {
  SecretFlag out;
  std::string type;
  for (const std::string& field : split(value, ',')) {
    const std::size_t equals = field.find('=');
    const std::string key = to_lower(std::string_view(field).substr(0, equals));
    // What stands behind a wrong key may be the secret itself: it is not repeated.
    if (equals == std::string::npos)
      return fail(Error(Fault::user, "a secret is given by key=value pairs").remedy("write id=ID,src=FILE"));
    const std::string text = field.substr(equals + 1);
    if (key == "id")
      out.id = text;
    else if (key == "src" || key == "source")
      out.file = text;
    else if (key == "env")
      out.variable = text;
    else if (key == "type")
      type = text;
    else
      return fail(Error(Fault::user, fmt::format("a secret has no '{}'", printable(key)))
                      .remedy("id, src, env and type are known"));
  }
  if (type != "" && type != "file" && type != "env")
    return fail(Fault::user, fmt::format("a secret's type is file or env, not '{}'", printable(type)));
  if (out.id.empty()) return fail(Error(Fault::user, "a secret needs an id").remedy("write id=ID,src=FILE"));
  if (!out.file.empty() && !out.variable.empty())
    return fail(Fault::user, fmt::format("the secret '{}' has both src and env", printable(out.id)));
  if (type == "env" && out.variable.empty()) {
    out.variable = out.file.empty() ? out.id : out.file;  // "type=env,src=NAME" is an old form
    out.file.clear();
  }
  if (type == "file" && out.file.empty()) out.file = out.id;
  return out;
}

Result<SshFlag> parse_ssh_flag(const std::string& value) {
  const std::size_t equals = value.find('=');
  SshFlag out{value.substr(0, equals), equals == std::string::npos ? "" : value.substr(equals + 1)};
  if (out.id.empty()) return fail(Error(Fault::user, "an ssh agent needs an id").remedy("write --ssh default"));
  if (equals != std::string::npos && out.path.empty())
    return fail(Fault::user, fmt::format("the ssh agent '{}' has an empty path", printable(out.id)));
  return out;
}

Result<ResourceFlag> parse_resource_flag(const std::string& value) {
  const auto wrong = [&] {
    return fail(
        Error(Fault::user, fmt::format("'{}' is not a limit", printable(value))).remedy("write nofile=1024:2048"));
  };
  const std::size_t equals = value.find('=');
  if (equals == 0 || equals == std::string::npos) return wrong();
  const std::string_view numbers = std::string_view(value).substr(equals + 1);
  const std::size_t colon = numbers.find(':');
  const auto soft = limit_of(numbers.substr(0, colon));
  const auto hard = colon == std::string_view::npos ? soft : limit_of(numbers.substr(colon + 1));
  if (!soft || !hard) return wrong();
  if (*soft > *hard)
    return fail(Fault::user, fmt::format("the soft limit of '{}' is above the hard one", printable(value)));
  return ResourceFlag{value.substr(0, equals), *soft, *hard};
}

Result<std::pair<std::string, std::string>> parse_host_flag(const std::string& value) {
  // "name:address"; BuildKit also takes "name=address", which IPv6 needs.
  const std::size_t at = value.find_first_of("=:");
  std::string address = at == std::string::npos ? "" : value.substr(at + 1);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  const bool plain = value.find_first_of(" \t\r\n") == std::string::npos;
  if (at == 0 || address.empty() || !plain)
    return fail(Fault::user, fmt::format("'{}' is not name:address", printable(value)));
  return std::pair(value.substr(0, at), std::move(address));
}

Result<std::uint64_t> parse_size_flag(const std::string& value) {
  if (const auto size = parse_byte_size(value); size && *size > 0) return *size;
  return fail(Error(Fault::user, fmt::format("'{}' is not a size", printable(value))).remedy("write 512m or 2g"));
}

void add_step_flags(std::vector<Flag>& flags, StepFlags& into, std::vector<std::string>& notes) {
  flags.push_back(list("secret", &parse_secret_flag, into.secrets));
  flags.push_back(list("ssh", &parse_ssh_flag, into.agents));
  flags.push_back(list("add-host", &parse_host_flag, into.add_hosts));
  flags.push_back(list("ulimit", &parse_resource_flag, into.resources));
  flags.push_back(size("shm-size", '\0', into.shared_memory_bytes));
  flags.push_back(size("memory", 'm', into.memory_bytes));
  flags.push_back(number("cpu-period", '\0', into.cpu_period_us));
  flags.push_back(number("cpu-quota", '\0', into.cpu_quota_us));
  flags.push_back(flag::noted("memory-swap", '\0', Kind::value, notes, kHostLimits));
  flags.push_back(flag::noted("cpu-shares", 'c', Kind::value, notes, kHostLimits));
  flags.push_back(flag::noted("cpuset-cpus", '\0', Kind::value, notes, kHostLimits));
  flags.push_back(flag::noted("cpuset-mems", '\0', Kind::value, notes, kHostLimits));
  flags.push_back(flag::noted("cgroup-parent", '\0', Kind::value, notes, kHostLimits));
}

}  // namespace scangate::command
