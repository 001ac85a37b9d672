#include "pipeline/build/run_mount.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "base/byte_size.h"
#include "base/text.h"
#include "pipeline/build/paths.h"

namespace scangate::build {
namespace {

constexpr std::array<std::string_view, 5> kTypes = {"bind", "cache", "tmpfs", "secret", "ssh"};

std::span<const std::string_view> options_of(MountType type) {
  static constexpr std::array<std::string_view, 5> kBind = {"target", "source", "from", "readonly", "readwrite"};
  static constexpr std::array<std::string_view, 10> kCache = {"target",   "source",    "from", "id",  "sharing",
                                                              "readonly", "readwrite", "mode", "uid", "gid"};
  static constexpr std::array<std::string_view, 2> kTmpfs = {"target", "size"};
  static constexpr std::array<std::string_view, 8> kSecret = {"id",   "source", "target", "required",
                                                              "mode", "uid",    "gid",    "env"};
  static constexpr std::array<std::string_view, 7> kSsh = {"id", "source", "target", "required", "mode", "uid", "gid"};
  switch (type) {
    case MountType::bind:
      return kBind;
    case MountType::cache:
      return kCache;
    case MountType::tmpfs:
      return kTmpfs;
    case MountType::secret:
      return kSecret;
    case MountType::ssh:
      break;
  }
  return kSsh;
}

Result<std::uint32_t> number_of(const std::string& key, const std::string& value, int base) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number, base);
  if (error != std::errc() || end != value.data() + value.size() || value.empty())
    return fail(Fault::user, fmt::format("the mount option '{}' is {}, not '{}'", key,
                                         base == 8 ? "an octal mode" : "a number", printable(value)));
  if (base == 8 && number > 07777) return fail(Fault::user, fmt::format("the mode '{}' is too large", value));
  return number;
}

Result<bool> yes_or_no(const std::string& key, const std::string& value) {
  const std::string lower = to_lower(value);
  if (lower == "true" || lower == "1" || lower == "false" || lower == "0") return lower == "true" || lower == "1";
  return fail(Fault::user, fmt::format("the mount option '{}' is true or false, not '{}'", key, printable(value)));
}

Result<Sharing> sharing_of(const std::string& value) {
  if (value == "shared") return Sharing::shared;
  if (value == "private") return Sharing::separately;
  if (value == "locked") return Sharing::locked;
  return fail(Fault::user, fmt::format("sharing is shared, private or locked, not '{}'", printable(value)));
}

// environ(7); what a shell can name.
bool is_variable_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

Result<void> take(RunMount& mount, const std::string& key, const std::string& value) {
  if (key == "target") {
    if (value.empty()) return fail(Fault::user, "the mount's target is empty after expansion");
    mount.target = value;
  } else if (key == "source" && (mount.type == MountType::secret || mount.type == MountType::ssh)) {
    mount.id = value;  // an old way to write it
  } else if (key == "source") {
    mount.source = path_in_root(value);
  } else if (key == "id") {
    mount.id = value;
  } else if (key == "env") {
    if (!is_variable_name(value))
      return fail(Fault::user, fmt::format("'{}' is not the name of a variable", printable(value)));
    mount.variable = value;
  } else if (key == "sharing") {
    SCANGATE_TRY(mount.sharing, sharing_of(value));
  } else if (key == "size") {
    mount.size_bytes = parse_byte_size(value);
    if (!mount.size_bytes || *mount.size_bytes == 0)
      return fail(Error(Fault::user, fmt::format("'{}' is not a size", printable(value))).remedy("write 64m or 2g"));
  } else if (key == "readonly" || key == "readwrite") {
    SCANGATE_TRY(const bool yes, yes_or_no(key, value));
    mount.read_only = yes == (key == "readonly");
  } else if (key == "required") {
    SCANGATE_TRY(mount.required, yes_or_no(key, value));
  } else {
    SCANGATE_TRY(const std::uint32_t number, number_of(key, value, key == "mode" ? 8 : 10));
    (key == "mode" ? mount.mode : key == "uid" ? mount.uid : mount.gid) = number;
  }
  return {};
}

// What follows from what was left out.
Result<void> complete(RunMount& mount, std::size_t number) {
  if (mount.type == MountType::secret) {
    if (mount.id.empty()) mount.id = base_name(mount.target);
    if (mount.id.empty()) return fail(Fault::user, "a mount of type secret needs an id");
    if (mount.target.empty() && !mount.variable)
      mount.target = fmt::format("/run/secrets/{}", base_name(path_in_root(mount.id)));
  }
  if (mount.type == MountType::ssh) {
    if (mount.id.empty()) mount.id = "default";
    if (mount.target.empty()) mount.target = fmt::format("/run/buildkit/ssh_agent.{}", number);
  }
  return {};
}

}  // namespace

std::string_view mount_type_name(MountType type) {
  return kTypes[static_cast<std::size_t>(type)];
}

std::string RunMount::text() const {
  const auto shown = [](const std::optional<std::uint32_t>& value) { return value ? std::to_string(*value) : "-"; };
  std::string out = fmt::format("{} {} {} {} {} {} {} {} ", mount_type_name(type), read_only, static_cast<int>(sharing),
                                required, shown(mode), shown(uid), shown(gid), size_bytes.value_or(0));
  for (const std::string& each : {source, target, id, variable.value_or("")})
    out += fmt::format("{}:{} ", each.size(), each);
  return out;
}

Result<RunMount> read_run_mount(const dockerfile::Mount& mount, const ExpandText& expand,
                                const std::string& working_directory, std::size_t number) {
  RunMount out;
  out.place = mount.place;
  out.type = static_cast<MountType>(std::ranges::find(kTypes, std::string_view(mount.type)) - kTypes.begin());
  out.read_only = out.type == MountType::bind;
  const auto known = options_of(out.type);
  for (const auto& option : mount.options) {
    if (std::ranges::find(known, std::string_view(option.key)) == known.end())
      return fail(Fault::user, fmt::format("a mount of type {} has no option '{}'", mount.type, option.key));
    if (option.key == "from") {
      out.from = dockerfile::Word{option.value, option.place};  // not expanded: stages are found before anything runs
      continue;
    }
    SCANGATE_TRY(const std::string value, expand(option.value));
    SCANGATE_CHECK(take(out, option.key, value));
  }
  SCANGATE_CHECK(complete(out, number));
  if (!out.target.empty()) {
    out.target = "/" + path_in_root(out.target.starts_with('/') ? out.target : working_directory + "/" + out.target);
    if (out.target == "/") return fail(Fault::user, "a mount cannot take the place of the whole root");
  }
  if (out.type == MountType::cache && out.id.empty()) out.id = out.target;
  return out;
}

}  // namespace scangate::build
