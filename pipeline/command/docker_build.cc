#include "pipeline/command/docker_build.h"

#include "base/text.h"
#include "pipeline/command/flag_makers.h"

namespace scangate::command {
namespace {

using Kind = Flag::Kind;
using flag::pairs;
using flag::refused;
using flag::silent;
using flag::text;
using flag::texts;
using flag::toggle;
using flag::wrong_count;

Flag comma_texts(std::string_view name, std::vector<std::string>& into) {
  return {name, '\0', Kind::value, [&into](const std::string& value) -> Result<void> {
            for (std::string& item : split(value, ','))
              if (!item.empty()) into.push_back(std::move(item));
            return {};
          }};
}

// buildx's --allow: the host's network is what a step has here anyway; more than that no step gets.
Flag entitlements() {
  return {"allow", '\0', Kind::value, [](const std::string& value) -> Result<void> {
            for (const std::string& each : split(value, ','))
              if (each != "network.host" && !each.starts_with("fs"))
                return fail(Fault::user, fmt::format("'{}' is given to no build step here", printable(each)));
            return {};
          }};
}

}  // namespace

Result<std::optional<BuildRequest>> parse_docker_build(std::string_view command, std::span<const std::string> args,
                                                       bool is_buildx, std::string builder,
                                                       std::vector<std::string>& notes) {
  BuildRequest request;
  request.buildx = is_buildx;
  request.builder = std::move(builder);
  bool help = false;
  const Flag call{"call", '\0', Kind::value, [&](const std::string& value) -> Result<void> {
                    if (value != "build" && value != "check")
                      return fail(Fault::user,
                                  fmt::format("'{}' is not served (build and check are)", printable(value)));
                    request.check = request.check || value == "check";
                    return {};
                  }};
  constexpr std::string_view kNotYet = "not supported yet";
  std::vector<Flag> flags = {
      text("file", 'f', request.dockerfile),
      texts("tag", 't', request.tags),
      text("target", '\0', request.target),
      flag::build_arg("build-arg", request.build_args),
      pairs("label", '\0', request.labels),
      comma_texts("platform", request.platforms),
      texts("cache-from", '\0', request.cache_from),
      text("network", '\0', request.network),
      text("progress", '\0', request.progress),
      text("iidfile", '\0', request.iidfile),
      texts("output", 'o', request.outputs),
      toggle("no-cache", '\0', request.no_cache),
      toggle("pull", '\0', request.pull),
      toggle("quiet", 'q', request.quiet),
      texts("cache-to", '\0', request.cache_to),
      comma_texts("no-cache-filter", request.no_cache_filter),
      text("metadata-file", '\0', request.metadata_file),
      silent("rm", '\0', Kind::toggle),
      silent("force-rm", '\0', Kind::toggle),
      silent("compress", '\0', Kind::toggle),
      silent("disable-content-trust", '\0', Kind::toggle),
      build_context(request.named_contexts),
      annotation(request.annotations),
      call,
      toggle("check", '\0', request.check),
      refused("squash", "squashed images are not supported"),
      refused("security-opt", kNotYet),
      refused("isolation", "Windows only"),
  };
  add_step_flags(flags, request.steps, notes);
  add_attest_flags(flags, request.attestations);
  flags.push_back(entitlements());
  if (is_buildx) {
    flags.push_back(toggle("push", '\0', request.push));
    flags.push_back(toggle("load", '\0', request.load));
    flags.push_back(text("builder", '\0', request.builder));
  }
  SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (rest.size() != 1) return fail(wrong_count(command, "exactly 1 argument, the context"));
  if (rest[0].empty())
    return fail(Error(Fault::user, fmt::format("{}: the context is empty", command)).remedy("use '.'"));
  request.context = rest[0];
  if (request.context == "-" && request.dockerfile == "-")
    return fail(Fault::user, fmt::format("{}: context and Dockerfile cannot both come from stdin", command));
  for (const std::string& tag : request.tags)
    if (tag.empty())
      return fail(Error(Fault::user, fmt::format("{}: --tag is empty", command)).remedy("is a variable not set?"));
  if (request.push && request.tags.empty())
    return fail(
        Error(Fault::user, fmt::format("{}: --push without --tag", command)).remedy("name the image with --tag"));
  return std::optional(std::move(request));
}

}  // namespace scangate::command
