#include "pipeline/command/buildah_build.h"

#include "base/text.h"
#include "pipeline/command/buildah_flags.h"
#include "pipeline/command/cache_flags.h"

namespace scangate::command {

using Kind = Flag::Kind;
using namespace buildah;

Result<std::optional<BuildahBuild>> parse_buildah_build(std::string_view command, std::span<const std::string> args,
                                                        std::vector<std::string>& notes) {
  BuildahBuild request;
  BuildRequest& build = request.build;
  bool help = false;
  bool pull_always = false;
  std::string pull;
  PlatformFlags platform;
  std::vector<std::string> files, cache_from, cache_to;
  std::vector<Flag> flags = {
      flag::texts("file", 'f', files),
      flag::texts("tag", 't', build.tags),
      flag::text("target", '\0', build.target),
      flag::build_arg("build-arg", build.build_args),
      flag::pairs("label", '\0', build.labels),
      flag::text("iidfile", '\0', build.iidfile),
      flag::text("network", '\0', build.network),
      flag::text("net", '\0', build.network),
      flag::toggle("no-cache", '\0', build.no_cache),
      flag::toggle("quiet", 'q', build.quiet),
      flag::toggle("pull-always", '\0', pull_always),
      // `--pull` alone, and `--pull=always|missing|never|true|false`: no value behind a blank.
      Flag{"pull", '\0', Kind::optional_value,
           [&pull](const std::string& value) -> Result<void> {
             pull = value;
             return {};
           }},
      flag::silent("pull-never", '\0', Kind::toggle),
      flag::silent("layers", '\0', Kind::toggle),
      flag::silent("rm", '\0', Kind::toggle),
      flag::silent("force-rm", '\0', Kind::toggle),
      flag::silent("compress", '\0', Kind::toggle),
      flag::silent("disable-compression", 'D', Kind::toggle),
      flag::silent("jobs", '\0', Kind::value),
      flag::silent("stdin", '\0', Kind::toggle),
      flag::silent("omit-history", '\0', Kind::toggle),
      flag::silent("log-rusage", '\0', Kind::toggle),
      flag::age("cache-ttl", build.cache_max_age),
      flag::noted("format", '\0', Kind::value, notes, "images are built in the docker format"),
      flag::noted("isolation", '\0', Kind::value, notes, kOwnSandbox),
      flag::noted("runtime", '\0', Kind::value, notes, kOwnSandbox),
      flag::noted("runtime-flag", '\0', Kind::value, notes, kOwnSandbox),
      flag::noted("userns", '\0', Kind::value, notes, kOwnSandbox),
      flag::texts("cache-from", '\0', cache_from),
      flag::texts("cache-to", '\0', cache_to),
      flag::refused("squash", "each step keeps its layer, so that findings name it"),
      flag::refused("squash-all", "each step keeps its layer, so that findings name it"),
      annotation(build.annotations),
      flag::refused("manifest", kNotYet),
      flag::refused("volume", kNotYet, 'v'),
      flag::refused("device", kNotYet),
      build_context(build.named_contexts),
      flag::refused("cap-add", kNotYet),
      flag::refused("cap-drop", kNotYet),
      flag::refused("security-opt", kNotYet),
      flag::refused("timestamp", "set SOURCE_DATE_EPOCH as a build argument"),
      flag::refused("logfile", "the build's log goes to the job's log"),
      flag::refused("ignorefile", kNotYet),
      flag::refused("env", kNotYet),
      flag::refused("unsetenv", kNotYet),
      flag::refused("output", kNotYet, 'o'),
      flag::refused("from", kNotYet),
      flag::refused("dns", kNotYet),
      flag::refused("http-proxy", kNotYet),
      flag::refused("sign-by", kNotYet),
  };
  add_registry(flags, request.login, notes);
  add_platform(flags, platform);
  add_step_flags(flags, build.steps, notes);
  SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (rest.size() > 1) return fail(flag::wrong_count(command, "at most 1 argument, the context"));
  build.context = rest.empty() ? "." : rest[0];
  if (build.context.empty())
    return fail(Error(Fault::user, fmt::format("{}: the context is empty", command)).remedy("use '.'"));
  if (files.size() > 1)
    return fail(Error(Fault::user, fmt::format("{}: several --file are not served by scangate", command)));
  if (!files.empty()) build.dockerfile = files[0];
  for (const std::string& tag : build.tags)
    if (tag.empty())
      return fail(Error(Fault::user, fmt::format("{}: --tag is empty", command)).remedy("is a variable not set?"));
  build.pull = pull_always || pull == "always" || pull == "true" || pull == "newer" || pull == "ifnewer";
  if (const std::string text = platform.text(); !text.empty()) build.platforms = split(text, ',');
  // Repositories; as buildah, with the layers of all stages.
  for (const std::string& each : cache_from) {
    SCANGATE_TRY(const std::string reference, cache_in_repository(each, build.dockerfile, build.target));
    build.cache_from.push_back("type=registry,ref=" + reference);
  }
  for (const std::string& each : cache_to) {
    SCANGATE_TRY(const std::string reference, cache_in_repository(each, build.dockerfile, build.target));
    build.cache_to.push_back("type=registry,mode=max,ref=" + reference);
  }
  return std::optional(std::move(request));
}

}  // namespace scangate::command
