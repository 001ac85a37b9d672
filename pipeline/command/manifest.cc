#include "pipeline/command/manifest.h"

#include "pipeline/command/flag_makers.h"
#include "pipeline/command/registry_login.h"

namespace scangate::command {
namespace {

using Kind = Flag::Kind;
using Verb = ManifestRequest::Verb;
using Program = ManifestRequest::Program;

struct Known {
  std::string_view name;
  Verb verb;
  bool docker, buildah;
};
constexpr Known kVerbs[] = {
    {"create", Verb::create, true, true},     {"add", Verb::add, false, true},
    {"annotate", Verb::annotate, true, true}, {"inspect", Verb::inspect, true, true},
    {"push", Verb::push, true, true},         {"remove", Verb::remove_images, false, true},
    {"rm", Verb::remove_list, true, true},    {"exists", Verb::exists, false, true},
};

std::string help_for(std::string_view command) {
  return fmt::format("{}: served by scangate; the flags are those of the program\n", command);
}

Result<void> check_count(const std::string& command, const ManifestRequest& request, std::size_t words) {
  const bool docker = request.program == Program::docker;
  switch (request.verb) {
    case Verb::create:
      if (words < (docker ? 2U : 1U)) return fail(flag::wrong_count(command, "the list and its images"));
      return {};
    case Verb::add:
    case Verb::annotate:
    case Verb::remove_images:
      if (words != 2) return fail(flag::wrong_count(command, "exactly 2 arguments, the list and the image"));
      return {};
    case Verb::push:
      if (words < 1 || words > (docker ? 1U : 2U)) return fail(flag::wrong_count(command, "the list"));
      return {};
    case Verb::inspect:
      // `docker manifest inspect [LIST] IMAGE`.
      if (words < 1 || words > (docker ? 2U : 1U)) return fail(flag::wrong_count(command, "exactly 1 argument"));
      return {};
    case Verb::exists:
      if (words != 1) return fail(flag::wrong_count(command, "exactly 1 argument, the list"));
      return {};
    case Verb::remove_list:
      if (words < 1) return fail(flag::wrong_count(command, "at least 1 argument, the list"));
      return {};
  }
  return {};
}

void add_flags(std::vector<Flag>& flags, ManifestRequest& request, std::vector<std::string>& notes) {
  constexpr std::string_view kUnchanged = "images leave as they were scanned, byte for byte";
  const bool docker = request.program == Program::docker;
  if (docker)
    flags.push_back(flag::noted("insecure", '\0', Kind::toggle, notes, kHostDecides));
  else
    for (const auto name : {"tls-verify", "cert-dir"})
      flags.push_back(flag::noted(name, '\0', name[0] == 't' ? Kind::toggle : Kind::value, notes, kHostDecides));
  if (!docker) {
    flags.push_back(flag::credentials("creds", request.user, request.password));
    flags.push_back(flag::text("authfile", '\0', request.authfile));
  }
  switch (request.verb) {
    case Verb::create:
      flags.push_back(flag::toggle("amend", 'a', request.amend));
      if (!docker) {
        flags.back().letter = '\0';
        flags.push_back(flag::toggle("all", '\0', request.all));
        flags.push_back(flag::pairs("annotation", '\0', request.annotations));
      }
      return;
    case Verb::add:
    case Verb::annotate:
      flags.push_back(flag::text("os", '\0', request.os));
      flags.push_back(flag::text("arch", '\0', request.architecture));
      flags.push_back(flag::text("variant", '\0', request.variant));
      flags.push_back(flag::text("os-version", '\0', request.os_version));
      flags.push_back(flag::refused("os-features", "not supported yet"));
      if (!docker) flags.push_back(flag::pairs("annotation", '\0', request.annotations));
      if (!docker) flags.push_back(flag::refused("features", "not supported yet"));
      if (request.verb == Verb::add) flags.push_back(flag::toggle("all", '\0', request.all));
      return;
    case Verb::push:
      flags.push_back(flag::toggle(docker ? "purge" : "rm", docker ? 'p' : '\0', request.remove));
      if (docker) return;
      flags.push_back(flag::silent("all", '\0', Kind::toggle));  // nothing else makes sense: an index needs its parts
      flags.push_back(flag::toggle("quiet", 'q', request.quiet));
      flags.push_back(flag::text("digestfile", '\0', request.digestfile));
      flags.push_back(flag::noted("format", 'f', Kind::value, notes, kUnchanged));
      flags.push_back(flag::noted("compression-format", '\0', Kind::value, notes, kUnchanged));
      flags.push_back(flag::noted("force-compression", '\0', Kind::toggle, notes, kUnchanged));
      flags.push_back(flag::silent("remove-signatures", '\0', Kind::toggle));
      flags.push_back(flag::silent("retry", '\0', Kind::value));
      flags.push_back(flag::silent("retry-delay", '\0', Kind::value));
      flags.push_back(flag::refused("add-compression", "images leave as they were scanned"));
      flags.push_back(flag::refused("sign-by", "signing is not supported yet"));
      return;
    case Verb::inspect:
      if (docker) flags.push_back(flag::toggle("verbose", 'v', request.verbose));
      return;
    default:
      return;
  }
}

}  // namespace

Result<ManifestCommand> parse_manifest_words(std::string_view group, Program program,
                                             std::span<const std::string> args) {
  ManifestCommand out;
  if (args.empty() || args[0] == "--help") {
    out.help = help_for(group);
    return out;
  }
  const Known* known = nullptr;
  std::vector<std::string> served;
  for (const Known& each : kVerbs) {
    if (!(program == Program::docker ? each.docker : each.buildah)) continue;
    served.emplace_back(each.name);
    if (each.name == args[0]) known = &each;
  }
  if (known == nullptr) return fail(flag::not_served(group, args[0], served));
  const std::string command = fmt::format("{} {}", group, known->name);
  ManifestRequest& request = out.request;
  request.verb = known->verb;
  request.program = program;
  bool help = false;
  std::vector<Flag> flags;
  add_flags(flags, request, out.notes);
  SCANGATE_TRY(const auto rest, parse_flags(command, flags, args.subspan(1), Mixing::anywhere, help));
  if (help) {
    out.help = help_for(command);
    return out;
  }
  SCANGATE_CHECK(check_count(command, request, rest.size()));
  for (const auto& word : rest)
    if (word.empty())
      return fail(Error(Fault::user, fmt::format("{}: a name is empty", command)).remedy("is a variable not set?"));
  if (request.verb == Verb::remove_list) {
    request.images = rest;
    return out;
  }
  request.list = rest[0];
  if (request.verb == Verb::push) {
    if (rest.size() == 2) request.target = rest[1];
    return out;
  }
  request.images.assign(rest.begin() + 1, rest.end());
  return out;
}

Result<ImagetoolsCommand> parse_imagetools(std::span<const std::string> args) {
  constexpr std::string_view kGroup = "docker buildx imagetools";
  ImagetoolsCommand out;
  ImagetoolsRequest& request = out.request;
  if (args.empty() || args[0] == "--help") {
    out.help = help_for(kGroup);
    return out;
  }
  if (args[0] != "create" && args[0] != "inspect")
    return fail(flag::not_served(kGroup, args[0], {"create", "inspect"}));
  const std::string command = fmt::format("{} {}", kGroup, args[0]);
  request.inspect = args[0] == "inspect";
  bool help = false;
  std::vector<Flag> flags = {flag::silent("builder", '\0', Kind::value)};
  if (request.inspect) {
    flags.push_back(flag::toggle("raw", '\0', request.raw));
    flags.push_back(flag::text("format", '\0', request.format));
  } else {
    flags.push_back(flag::texts("tag", 't', request.tags));
    flags.push_back(flag::texts("annotation", '\0', request.annotations));
    flags.push_back(flag::toggle("append", '\0', request.append));
    flags.push_back(flag::toggle("dry-run", '\0', request.dry_run));
    flags.push_back(flag::toggle("prefer-index", '\0', request.prefer_index));
    flags.push_back(flag::silent("progress", '\0', Kind::value));
    flags.push_back(flag::refused("file", "name the sources as arguments", 'f'));
    flags.push_back(flag::refused("platform", "not supported yet"));
    flags.push_back(flag::refused("metadata-file", "not supported yet"));
  }
  SCANGATE_TRY(request.sources, parse_flags(command, flags, args.subspan(1), Mixing::anywhere, help));
  if (help) {
    out.help = help_for(command);
    return out;
  }
  if (request.inspect ? request.sources.size() != 1 : request.sources.empty())
    return fail(flag::wrong_count(command, request.inspect ? "exactly 1 argument, the image" : "at least 1 source"));
  if (!request.inspect && request.tags.empty() && !request.dry_run)
    return fail(Error(Fault::user, command + ": no --tag").remedy("name the new image with --tag"));
  return out;
}

}  // namespace scangate::command
