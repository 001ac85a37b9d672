#include "pipeline/command/cache_flags.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/digest.h"
#include "base/text.h"

namespace scangate::command {
namespace {

using Options = std::map<std::string, std::string, std::less<>>;

Result<Options> read_options(std::string_view flag, const std::string& value) {
  Options out;
  for (const std::string& item : split(value, ',')) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(Error(Fault::user, fmt::format("{}: '{}' is no KEY=VALUE", flag, printable(item)))
                      .remedy("for a registry: type=registry,ref=HOST/REPOSITORY:TAG"));
    out.insert_or_assign(to_lower(item.substr(0, equals)), item.substr(equals + 1));
  }
  return out;
}

std::string take(Options& options, std::string_view key) {
  const auto found = options.find(key);
  if (found == options.end()) return {};
  std::string value = std::move(found->second);
  options.erase(found);
  return value;
}

Error not_served(std::string_view flag, std::string_view type) {
  Error error(Fault::user, fmt::format("{}: type '{}' is not served", flag, printable(type)));
  return std::move(error).remedy("registry, local and, for --cache-to, inline are");
}

Result<bool> read_bool(std::string_view flag, std::string_view key, const std::string& value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return fail(Fault::user, fmt::format("{}: {} is true or false, not '{}'", flag, key, printable(value)));
}

Result<void> refuse_rest(std::string_view flag, const Options& options) {
  if (options.empty()) return {};
  return fail(
      Error(Fault::user, fmt::format("{}: the option '{}' is not served", flag, printable(options.begin()->first))));
}

}  // namespace

Result<CacheFrom> parse_cache_from(const std::string& value) {
  constexpr std::string_view kFlag = "--cache-from";
  CacheFrom out;
  if (value.empty()) return fail(Error(Fault::user, "--cache-from is empty").remedy("is a variable not set?"));
  // Docker's old form: the name of an image.
  if (value.find('=') == std::string::npos) {
    out.reference = value;
    return out;
  }
  SCANGATE_TRY(Options options, read_options(kFlag, value));
  const std::string type = take(options, "type");
  if (type == "registry") {
    out.reference = take(options, "ref");
    if (out.reference.empty())
      return fail(Error(Fault::user, "--cache-from: type=registry needs ref=").remedy("is a variable not set?"));
  } else if (type == "local") {
    out.folder = take(options, "src");
    out.tag = take(options, "tag");
    out.digest = take(options, "digest");
    if (out.folder.empty()) return fail(Fault::user, "--cache-from: type=local needs src=");
  } else {
    return fail(not_served(kFlag, type));
  }
  SCANGATE_CHECK(refuse_rest(kFlag, options));
  return out;
}

Result<CacheTo> parse_cache_to(const std::string& value) {
  constexpr std::string_view kFlag = "--cache-to";
  CacheTo out;
  if (value.empty()) return fail(Error(Fault::user, "--cache-to is empty").remedy("is a variable not set?"));
  if (value == "inline") {
    out.in_image = true;
    return out;
  }
  if (value.find('=') == std::string::npos) {
    out.reference = value;
    return out;
  }
  SCANGATE_TRY(Options options, read_options(kFlag, value));
  const std::string type = take(options, "type");
  if (type == "registry") {
    out.reference = take(options, "ref");
    if (out.reference.empty())
      return fail(Error(Fault::user, "--cache-to: type=registry needs ref=").remedy("is a variable not set?"));
  } else if (type == "local") {
    out.folder = take(options, "dest");
    out.tag = take(options, "tag");
    if (out.folder.empty()) return fail(Fault::user, "--cache-to: type=local needs dest=");
  } else if (type == "inline") {
    out.in_image = true;
  } else {
    return fail(not_served(kFlag, type));
  }
  const std::string mode = take(options, "mode");
  if (mode != "" && mode != "min" && mode != "max")
    return fail(Fault::user, fmt::format("--cache-to: mode is min or max, not '{}'", printable(mode)));
  out.all_stages = mode == "max";
  if (out.in_image && out.all_stages)
    return fail(Error(Fault::user, "--cache-to: type=inline has no mode=max")
                    .remedy("an image holds its own layers alone; type=registry takes those of all stages"));
  if (const std::string text = take(options, "ignore-error"); !text.empty()) {
    SCANGATE_TRY(out.ignore_errors, read_bool(kFlag, "ignore-error", text));
  }
  // What the cache is in any case: an OCI image manifest.
  for (const std::string_view key : {"image-manifest", "oci-mediatypes"}) {
    const std::string text = take(options, key);
    if (text.empty()) continue;
    SCANGATE_TRY(const bool wanted, read_bool(kFlag, key, text));
    if (!wanted)
      return fail(Error(Fault::user, fmt::format("--cache-to: {}=false is not served", key))
                      .remedy("the cache is an OCI image manifest, which registries take"));
  }
  // Layers go as they are.
  if (const std::string text = take(options, "compression"); !text.empty() && text != "gzip")
    return fail(Error(Fault::user, fmt::format("--cache-to: compression={} is not served", printable(text)))
                    .remedy("layers of a cache are packed as those of the image"));
  SCANGATE_CHECK(refuse_rest(kFlag, options));
  return out;
}

Result<std::string> cache_in_repository(const std::string& repository, std::string_view dockerfile,
                                        std::string_view target) {
  const std::size_t slash = repository.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  if (repository.empty() || repository.find_first_of(":@", name) != std::string::npos)
    return fail(Error(Fault::user, fmt::format("the cache '{}' is no repository", printable(repository)))
                    .remedy("name it without a tag"));
  std::string_view file = dockerfile.empty() ? "Dockerfile" : dockerfile;
  // "/builds/x7/group/app/Dockerfile": where a job's project lies is the host's affair; its folder's name is not.
  if (file.starts_with('/')) {
    const std::size_t last = file.rfind('/');
    const std::size_t before = last == 0 ? 0 : file.rfind('/', last - 1);
    file.remove_prefix(before + 1);
  }
  const Digest what = Digest::of(fmt::format("{}:{}{}", file.size(), file, target));
  return fmt::format("{}:scangate-{}", repository, what.brief());
}

Result<std::chrono::seconds> parse_age(const std::string& value) {
  const auto wrong = [&] {
    return fail(Error(Fault::user, fmt::format("'{}' is no duration", printable(value))).remedy("write it like 336h"));
  };
  std::chrono::seconds out{0};
  std::string_view rest = value;
  if (rest.empty()) return wrong();
  // A number and a unit at a time; "1h30m10s" has three, and a century is more than anybody keeps a layer.
  constexpr std::int64_t kMaxAge = 100LL * 366 * 24 * 3600;
  while (!rest.empty()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || number < 0 || number > kMaxAge) return wrong();
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const std::size_t unit_end = std::min(rest.find_first_of("0123456789"), rest.size());
    const std::string_view unit = rest.substr(0, unit_end);
    rest.remove_prefix(unit_end);
    if (unit == "h")
      out += std::chrono::hours(number);
    else if (unit == "m")
      out += std::chrono::minutes(number);
    else if (unit == "s")
      out += std::chrono::seconds(number);
    else
      return wrong();
    if (out.count() > kMaxAge) return wrong();
  }
  return out;
}

}  // namespace scangate::command
