#include "pipeline/command/docker_images.h"

#include <array>

#include "base/text.h"
#include "pipeline/command/flag_makers.h"

namespace scangate::command {
namespace {

using Args = std::span<const std::string>;
using Kind = Flag::Kind;
using flag::pairs;
using flag::refused;
using flag::silent;
using flag::text;
using flag::toggle;
using flag::wrong_count;

}  // namespace

Result<std::optional<HistoryRequest>> parse_docker_history(std::string_view command, Args args) {
  HistoryRequest request;
  bool help = false;
  const std::array<Flag, 5> flags = {toggle("quiet", 'q', request.quiet), toggle("no-trunc", '\0', request.no_trunc),
                                     silent("human", 'H', Kind::toggle), text("format", '\0', request.format),
                                     refused("platform", "not supported yet")};
  SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (rest.size() != 1) return fail(wrong_count(command, "exactly 1 argument, the image"));
  request.image = rest[0];
  return std::optional(std::move(request));
}

Result<std::optional<ImagesRequest>> parse_docker_images(std::string_view command, Args args) {
  ImagesRequest request;
  bool help = false;
  const std::array<Flag, 7> flags = {toggle("all", 'a', request.all),
                                     toggle("quiet", 'q', request.quiet),
                                     toggle("no-trunc", '\0', request.no_trunc),
                                     toggle("digests", '\0', request.digests),
                                     text("format", '\0', request.format),
                                     pairs("filter", '\0', request.filters),
                                     refused("tree", "not supported yet")};
  std::vector<Flag> all(flags.begin(), flags.end());
  all[5].letter = 'f';
  SCANGATE_TRY(const auto rest, parse_flags(command, all, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (rest.size() > 1) return fail(wrong_count(command, "at most 1 argument, a repository"));
  if (!rest.empty()) request.repository = rest[0];
  for (const auto& [key, value] : request.filters) {
    if (key == "reference" || key == "dangling") continue;
    return fail(Error(Fault::user, fmt::format("{}: --filter {} is not served by scangate", command, printable(key)))
                    .remedy("reference and dangling are"));
  }
  return std::optional(std::move(request));
}

Result<std::optional<InspectRequest>> parse_docker_inspect(std::string_view command, Args args,
                                                           const std::string& type) {
  InspectRequest request;
  bool help = false;
  request.type = type;
  std::vector<Flag> flags = {text("format", 'f', request.format)};
  if (type.empty()) flags.push_back(text("type", '\0', request.type));
  if (type != "image") flags.push_back(silent("size", 's', Kind::toggle));
  SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (!request.type.empty() && request.type != "image" && request.type != "container")
    return fail(
        Error(Fault::user, fmt::format("{}: --type {} is not served by scangate", command, printable(request.type)))
            .remedy("image and container are"));
  if (rest.empty()) return fail(wrong_count(command, "at least 1 argument, an image or a container"));
  request.images = rest;
  return std::optional(std::move(request));
}

Result<std::optional<RmiRequest>> parse_docker_rmi(std::string_view command, Args args) {
  RmiRequest request;
  bool help = false;
  const std::array<Flag, 2> flags = {toggle("force", 'f', request.force), toggle("no-prune", '\0', request.no_prune)};
  SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (rest.empty()) return fail(wrong_count(command, "at least 1 argument, an image"));
  request.images = rest;
  return std::optional(std::move(request));
}

Result<std::optional<SaveRequest>> parse_docker_save(std::string_view command, Args args) {
  SaveRequest request;
  bool help = false;
  const std::array<Flag, 2> flags = {text("output", 'o', request.output), refused("platform", "not supported yet")};
  SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (rest.empty()) return fail(wrong_count(command, "at least 1 argument, an image"));
  request.images = rest;
  return std::optional(std::move(request));
}

Result<std::optional<LoadRequest>> parse_docker_load(std::string_view command, Args args) {
  LoadRequest request;
  bool help = false;
  const std::array<Flag, 3> flags = {text("input", 'i', request.input), toggle("quiet", 'q', request.quiet),
                                     refused("platform", "not supported yet")};
  SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (!rest.empty()) return fail(wrong_count(command, "no arguments; the file is given with --input"));
  return std::optional(std::move(request));
}

}  // namespace scangate::command
