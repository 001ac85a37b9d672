#include "pipeline/command/compose.h"

#include "base/text.h"
#include "pipeline/command/flag_makers.h"
#include "pipeline/command/flags.h"

namespace scangate::command {
namespace {

using Kind = Flag::Kind;

Error not_served(std::string_view verb) {
  Error error(Fault::user, fmt::format("docker compose: '{}' is not served by scangate", printable(verb)));
  for (const std::string_view running :
       {"up", "run", "exec", "start", "down", "stop", "restart", "ps", "logs", "rm", "kill"})
    if (verb == running)
      return std::move(error).remedy("build, push and config are; what runs beside a job belongs to its 'services:'");
  return std::move(error).remedy("build, push and config are");
}

}  // namespace

Result<ComposeRequest> parse_compose(std::span<const std::string> args, std::vector<std::string>& notes, bool& help) {
  ComposeRequest out;
  std::string ignored;
  bool version = false;
  const std::vector<Flag> global = {
      flag::texts("file", 'f', out.files),
      flag::text("project-directory", '\0', out.project_folder),
      flag::text("project-name", 'p', out.project_name),
      flag::texts("env-file", '\0', out.environment_files),
      flag::texts("profile", '\0', out.profiles),
      flag::toggle("version", 'v', version),
      flag::silent("progress", '\0', Kind::value),
      flag::silent("ansi", '\0', Kind::value),
      flag::silent("no-ansi", '\0', Kind::toggle),
      flag::silent("parallel", '\0', Kind::value),
      flag::silent("verbose", '\0', Kind::toggle),
      flag::silent("compatibility", '\0', Kind::toggle),
      flag::refused("dry-run", "not supported yet"),
  };
  SCANGATE_TRY(const auto rest, parse_flags("docker compose", global, args, Mixing::before_arguments, help));
  if (version) {
    out.verb = "version";
    return out;
  }
  if (help || rest.empty()) {
    help = true;
    return out;
  }
  out.verb = rest[0];
  const std::string command = "docker compose " + out.verb;
  const std::span<const std::string> tail = std::span<const std::string>(rest).subspan(1);
  if (out.verb == "build") {
    const std::vector<Flag> flags = {
        flag::build_arg("build-arg", out.build_args),
        flag::toggle("no-cache", '\0', out.no_cache),
        flag::toggle("pull", '\0', out.pull),
        flag::toggle("push", '\0', out.push),
        flag::toggle("quiet", 'q', out.quiet),
        flag::silent("parallel", '\0', Kind::toggle),
        flag::silent("progress", '\0', Kind::value),
        flag::silent("force-rm", '\0', Kind::toggle),
        flag::silent("no-rm", '\0', Kind::toggle),
        flag::silent("compress", '\0', Kind::toggle),
        flag::noted("builder", '\0', Kind::value, notes, "there is one builder, scangate's own"),
        flag::noted("memory", 'm', Kind::value, notes, "the job's own limits hold"),
        flag::refused("ssh", "SSH agents are not forwarded yet"),
        flag::refused("with-dependencies", "not supported yet"),
    };
    SCANGATE_TRY(out.services, parse_flags(command, flags, tail, Mixing::anywhere, help));
    return out;
  }
  if (out.verb == "push") {
    const std::vector<Flag> flags = {flag::toggle("ignore-push-failures", '\0', out.ignore_failures),
                                     flag::toggle("quiet", 'q', out.quiet),
                                     flag::silent("include-deps", '\0', Kind::toggle)};
    SCANGATE_TRY(out.services, parse_flags(command, flags, tail, Mixing::anywhere, help));
    return out;
  }
  if (out.verb == "config" || out.verb == "convert") {
    out.verb = "config";
    std::string format = "yaml";
    const std::vector<Flag> flags = {flag::toggle("services", '\0', out.list_services),
                                     flag::toggle("images", '\0', out.list_images),
                                     flag::toggle("quiet", 'q', out.quiet), flag::text("format", '\0', format)};
    SCANGATE_TRY(out.services, parse_flags(command, flags, tail, Mixing::anywhere, help));
    if (format != "yaml" && format != "json")
      return fail(Fault::user,
                  fmt::format("{}: --format {} is not served, yaml and json are", command, printable(format)));
    out.json = format == "json";
    return out;
  }
  if (out.verb == "version") return out;
  return fail(not_served(out.verb));
}

}  // namespace scangate::command
