#include "pipeline/command/docker_containers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>

#include "base/text.h"
#include "pipeline/command/flag_makers.h"
#include "pipeline/command/flags.h"

namespace scangate::command {
namespace {

using Args = std::span<const std::string>;
using Kind = Flag::Kind;
using Parsed = Result<std::optional<ContainerRequest>>;

constexpr std::size_t kMaxObjectName = 255;

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Flag signal_flag(std::string_view name, char letter, std::optional<int>& into) {
  return {name, letter, Kind::value, [&into](const std::string& value) -> Result<void> {
            into = signal_number(value);
            if (!into) return fail(Fault::user, fmt::format("'{}' is no signal", printable(value)));
            return {};
          }};
}

class ContainerParser {
 public:
  ContainerParser(const std::string& command, Args args, std::vector<std::string>& notes, bool& help)
      : command_(command), args_(args), notes_(notes), help_(help) {}

  Parsed run(const std::string& verb) {
    if (verb == "ps" || verb == "ls" || verb == "list") return list();
    if (verb == "logs") return logs();
    if (verb == "exec") return exec();
    if (verb == "stop") return stop(false);
    if (verb == "restart") return stop(true);
    if (verb == "kill") return kill();
    if (verb == "rm" || verb == "remove") return remove();
    if (verb == "wait") return wait();
    if (verb == "start") return start();
    if (verb == "port") return port();
    if (verb == "cp") return copy();
    if (verb == "rename") return rename();
    if (verb == "prune") return prune(true);
    return std::optional<ContainerRequest>();
  }

  Parsed prune(bool containers) {
    const std::vector<Flag> flags = {flag::silent("force", 'f', Kind::toggle), flag::silent("all", 'a', Kind::toggle),
                                     flag::silent("volumes", '\0', Kind::toggle),
                                     flag::silent("filter", '\0', Kind::value)};
    SCANGATE_CHECK(no_arguments(flags));
    return request(Prune{.containers = containers});
  }

  Parsed objects(NamedObjects::Kind kind) {
    static constexpr std::array<std::pair<std::string_view, NamedObjects::Verb>, 9> kVerbs = {
        {{"create", NamedObjects::Verb::create},
         {"rm", NamedObjects::Verb::remove},
         {"remove", NamedObjects::Verb::remove},
         {"ls", NamedObjects::Verb::list},
         {"list", NamedObjects::Verb::list},
         {"inspect", NamedObjects::Verb::inspect},
         {"prune", NamedObjects::Verb::prune},
         {"connect", NamedObjects::Verb::connect},
         {"disconnect", NamedObjects::Verb::connect}}};
    if (args_.empty() || args_[0] == "--help") {
      help_ = true;
      return std::optional<ContainerRequest>();
    }
    const auto* const found =
        std::find_if(kVerbs.begin(), kVerbs.end(), [&](const auto& verb) { return verb.first == args_[0]; });
    const bool network = kind == NamedObjects::Kind::network;
    if (found == kVerbs.end() || (!network && found->second == NamedObjects::Verb::connect))
      return fail(flag::not_served(command_, args_[0], {"create", "rm", "ls", "inspect", "prune"}));
    NamedObjects out{.kind = kind, .verb = found->second, .names = {}, .format = {}};
    command_ += " " + args_[0];
    args_ = args_.subspan(1);
    constexpr std::string_view kOneNetwork = "a job and its containers share one network";
    std::vector<Flag> flags = {flag::text("format", '\0', out.format)};
    switch (out.verb) {
      case NamedObjects::Verb::create:
        for (const std::string_view name : {"driver", "opt", "label"})
          flags.push_back(flag::silent(name, name == "label" ? '\0' : name[0], Kind::value));
        if (network)
          for (const std::string_view name : {"subnet", "gateway", "ip-range", "scope"})
            flags.push_back(flag::noted(name, '\0', Kind::value, notes_, kOneNetwork));
        for (const std::string_view name : {"internal", "attachable", "ipv6"})
          flags.push_back(flag::silent(name, '\0', Kind::toggle));
        if (!network) flags.push_back(flag::texts("name", '\0', out.names));
        break;
      case NamedObjects::Verb::remove:
      case NamedObjects::Verb::prune:
        flags.push_back(flag::toggle("force", 'f', out.force));
        flags.push_back(flag::silent("all", 'a', Kind::toggle));
        flags.push_back(flag::silent("filter", '\0', Kind::value));
        break;
      case NamedObjects::Verb::list:
        flags.push_back(flag::toggle("quiet", 'q', out.quiet));
        flags.push_back(flag::silent("no-trunc", '\0', Kind::toggle));
        break;
      case NamedObjects::Verb::inspect:
        flags[0].letter = 'f';
        break;
      case NamedObjects::Verb::connect:
        flags.push_back(flag::noted("alias", '\0', Kind::value, notes_, "give --network-alias to 'docker run'"));
        flags.push_back(flag::silent("force", 'f', Kind::toggle));
        flags.push_back(flag::noted("ip", '\0', Kind::value, notes_, kOneNetwork));
        break;
    }
    SCANGATE_TRY(auto rest, parse_flags(command_, flags, args_, Mixing::anywhere, help_));
    out.names.insert(out.names.end(), rest.begin(), rest.end());
    if (help_) return request(out);
    const bool needs = out.verb == NamedObjects::Verb::remove || out.verb == NamedObjects::Verb::inspect ||
                       (out.verb == NamedObjects::Verb::create && network);
    if (needs && out.names.empty()) return fail(flag::wrong_count(command_, "at least 1 argument, a name"));
    if (out.verb == NamedObjects::Verb::create && out.names.size() > 1)
      return fail(flag::wrong_count(command_, "at most 1 argument, the name"));
    if (out.verb == NamedObjects::Verb::connect && out.names.size() != 2)
      return fail(flag::wrong_count(command_, "exactly 2 arguments, a network and a container"));
    for (const auto& name : out.names)
      if (out.verb == NamedObjects::Verb::create && !is_object_name(name))
        return fail(Fault::user, fmt::format("{}: '{}' is no name", command_, printable(name)));
    return request(std::move(out));
  }

 private:
  static Parsed request(ContainerRequest made) { return std::optional<ContainerRequest>(std::move(made)); }

  Result<void> no_arguments(std::span<const Flag> flags) {
    SCANGATE_TRY(const auto rest, parse_flags(command_, flags, args_, Mixing::anywhere, help_));
    if (!rest.empty()) return fail(flag::wrong_count(command_, "no arguments"));
    return {};
  }

  Result<std::string> one_container(std::span<const Flag> flags) {
    SCANGATE_TRY(const auto rest, parse_flags(command_, flags, args_, Mixing::anywhere, help_));
    if (help_) return std::string();
    if (rest.size() != 1) return fail(flag::wrong_count(command_, "exactly 1 argument, a container"));
    return rest[0];
  }

  Result<std::vector<std::string>> some_containers(std::span<const Flag> flags) {
    SCANGATE_TRY(auto rest, parse_flags(command_, flags, args_, Mixing::anywhere, help_));
    if (!help_ && rest.empty()) return fail(flag::wrong_count(command_, "at least 1 argument, a container"));
    return rest;
  }

  Parsed list() {
    ListContainers out;
    std::string last;
    bool latest = false;
    const std::vector<Flag> flags = {flag::toggle("all", 'a', out.all),
                                     flag::toggle("quiet", 'q', out.quiet),
                                     flag::toggle("no-trunc", '\0', out.no_trunc),
                                     flag::text("format", '\0', out.format),
                                     flag::pairs("filter", 'f', out.filters),
                                     flag::text("last", 'n', last),
                                     flag::toggle("latest", 'l', latest),
                                     flag::silent("size", 's', Kind::toggle)};
    SCANGATE_CHECK(no_arguments(flags));
    for (const auto& [key, value] : out.filters) {
      static constexpr std::array<std::string_view, 8> kKeys = {"name",     "id",     "status",  "label",
                                                                "ancestor", "health", "network", "publish"};
      if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end())
        return fail(
            Error(Fault::user, fmt::format("{}: --filter {} is not served by scangate", command_, printable(key)))
                .remedy("name, id, status, label, ancestor and health are"));
    }
    if (!last.empty()) {
      const auto count = number_of<std::size_t>(last);
      if (!count) return fail(Fault::user, fmt::format("{}: --last '{}' is no number", command_, printable(last)));
      out.last = *count;
    }
    if (latest) out.last = 1;
    return request(std::move(out));
  }

  Parsed logs() {
    ContainerLogs out;
    std::string tail;
    const std::vector<Flag> flags = {
        flag::toggle("follow", 'f', out.follow), flag::text("tail", 'n', tail),
        flag::toggle("timestamps", 't', out.timestamps), flag::refused("since", "'--tail' is"),
        flag::refused("until", "'--tail' is"), flag::silent("details", '\0', Kind::toggle),
        // podman's
        flag::silent("names", '\0', Kind::toggle), flag::silent("color", '\0', Kind::toggle)};
    SCANGATE_TRY(out.container, one_container(flags));
    if (!tail.empty() && tail != "all" && tail != "-1") {
      out.tail = number_of<std::uint64_t>(tail);
      if (!out.tail) return fail(Fault::user, fmt::format("{}: --tail '{}' is no number", command_, printable(tail)));
    }
    return request(std::move(out));
  }

  Parsed exec() {
    ExecInContainer out;
    const std::vector<Flag> flags = {
        flag::texts("env", 'e', out.environment),
        flag::texts("env-file", '\0', out.environment_files),
        flag::text("workdir", 'w', out.directory),
        flag::text("user", 'u', out.user),
        flag::toggle("interactive", 'i', out.interactive),
        flag::toggle("detach", 'd', out.detach),
        flag::silent("tty", 't', Kind::toggle),
        flag::silent("detach-keys", '\0', Kind::value),
        flag::refused("privileged", "a container gets no more rights than docker gives by default")};
    SCANGATE_TRY(const auto rest, parse_flags(command_, flags, args_, Mixing::before_arguments, help_));
    if (help_) return request(out);
    if (rest.size() < 2) return fail(flag::wrong_count(command_, "at least 2 arguments, a container and a command"));
    out.container = rest[0];
    out.command.assign(rest.begin() + 1, rest.end());
    return request(std::move(out));
  }

  Parsed stop(bool restart) {
    StopContainers out;
    out.restart = restart;
    std::string patience;
    const std::vector<Flag> flags = {flag::text("time", 't', patience), flag::text("timeout", '\0', patience),
                                     signal_flag("signal", 's', out.signal),
                                     // podman's
                                     flag::silent("ignore", 'i', Kind::toggle)};
    SCANGATE_TRY(out.containers, some_containers(flags));
    if (!patience.empty()) {
      const auto seconds = number_of<int>(patience);
      // -1 waits for ever, which no job does: an hour is past its own limit.
      if (!seconds || *seconds < -1)
        return fail(Fault::user, fmt::format("{}: --time '{}' is no number of seconds", command_, printable(patience)));
      out.patience = *seconds < 0 ? std::chrono::hours(1) : std::chrono::seconds(std::min(*seconds, 3600));
    }
    return request(std::move(out));
  }

  Parsed kill() {
    KillContainers out;
    std::optional<int> number;
    const std::vector<Flag> flags = {signal_flag("signal", 's', number)};
    SCANGATE_TRY(out.containers, some_containers(flags));
    out.signal = number.value_or(SIGKILL);
    return request(std::move(out));
  }

  Parsed remove() {
    RemoveContainers out;
    const std::vector<Flag> flags = {flag::toggle("force", 'f', out.force),
                                     // Anonymous volumes are part of the container here, and go with it.
                                     flag::silent("volumes", 'v', Kind::toggle),
                                     flag::silent("link", 'l', Kind::toggle),
                                     // podman's
                                     flag::silent("ignore", 'i', Kind::toggle), flag::silent("time", 't', Kind::value)};
    SCANGATE_TRY(out.containers, some_containers(flags));
    return request(std::move(out));
  }

  Parsed wait() {
    WaitForContainers out;
    const std::vector<Flag> flags = {flag::refused("condition", "the end is what is waited for")};
    SCANGATE_TRY(out.containers, some_containers(flags));
    return request(std::move(out));
  }

  Parsed start() {
    StartContainers out;
    const std::vector<Flag> flags = {flag::toggle("attach", 'a', out.attach),
                                     flag::toggle("interactive", 'i', out.interactive),
                                     flag::silent("detach-keys", '\0', Kind::value)};
    SCANGATE_TRY(out.containers, some_containers(flags));
    if ((out.attach || out.interactive) && out.containers.size() > 1)
      return fail(flag::wrong_count(command_, "exactly 1 argument, a container, with --attach"));
    return request(std::move(out));
  }

  Parsed port() {
    ContainerPorts out;
    SCANGATE_TRY(const auto rest, parse_flags(command_, {}, args_, Mixing::anywhere, help_));
    if (help_) return request(out);
    if (rest.empty() || rest.size() > 2)
      return fail(flag::wrong_count(command_, "a container, and at most one of its ports"));
    out.container = rest[0];
    if (rest.size() == 2) out.port = rest[1];
    return request(std::move(out));
  }

  Parsed copy() {
    CopyInContainer out;
    const std::vector<Flag> flags = {flag::toggle("archive", 'a', out.archive),
                                     flag::refused("follow-link", "name the link's target", 'L'),
                                     flag::toggle("quiet", 'q', out.quiet)};
    SCANGATE_TRY(const auto rest, parse_flags(command_, flags, args_, Mixing::anywhere, help_));
    if (help_) return request(out);
    if (rest.size() != 2) return fail(flag::wrong_count(command_, "exactly 2 arguments, from and to"));
    out.from = rest[0];
    out.to = rest[1];
    return request(std::move(out));
  }

  Parsed rename() {
    SCANGATE_TRY(const auto rest, parse_flags(command_, {}, args_, Mixing::anywhere, help_));
    if (help_) return request(RenameContainer{});
    if (rest.size() != 2) return fail(flag::wrong_count(command_, "exactly 2 arguments, a container and its new name"));
    if (!is_object_name(rest[1]))
      return fail(Fault::user, fmt::format("{}: '{}' is no name", command_, printable(rest[1])));
    return request(RenameContainer{rest[0], rest[1]});
  }

  std::string command_;
  Args args_;
  std::vector<std::string>& notes_;
  bool& help_;
};

}  // namespace

std::optional<int> signal_number(std::string_view text) {
  if (const auto number = number_of<int>(text)) return *number > 0 && *number < NSIG ? number : std::nullopt;
  std::string name = to_lower(text);
  if (name.starts_with("sig")) name = name.substr(3);
  static constexpr std::array<std::pair<std::string_view, int>, 14> kNames = {{{"hup", SIGHUP},
                                                                               {"int", SIGINT},
                                                                               {"quit", SIGQUIT},
                                                                               {"abrt", SIGABRT},
                                                                               {"kill", SIGKILL},
                                                                               {"usr1", SIGUSR1},
                                                                               {"usr2", SIGUSR2},
                                                                               {"pipe", SIGPIPE},
                                                                               {"alrm", SIGALRM},
                                                                               {"term", SIGTERM},
                                                                               {"cont", SIGCONT},
                                                                               {"stop", SIGSTOP},
                                                                               {"tstp", SIGTSTP},
                                                                               {"winch", SIGWINCH}}};
  for (const auto& [known, number] : kNames)
    if (name == known) return number;
  return std::nullopt;
}

bool is_object_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  return name.size() >= 2 && name.size() <= kMaxObjectName && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || c == '_' || c == '.' || c == '-'; });
}

Result<std::optional<ContainerRequest>> parse_containers(const std::string& command, const std::string& verb,
                                                         std::span<const std::string> args,
                                                         std::vector<std::string>& notes, bool& help) {
  ContainerParser parser(command, args, notes, help);
  if (verb == "network") return parser.objects(NamedObjects::Kind::network);
  if (verb == "volume") return parser.objects(NamedObjects::Kind::volume);
  if (verb == "system prune" || verb == "image prune" || verb == "builder prune" || verb == "buildx prune")
    return parser.prune(verb == "system prune");
  return parser.run(verb);
}

}  // namespace scangate::command
