#include <algorithm>
#include <array>
#include <charconv>

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/build/stage_builder.h"

namespace scangate::build {

using dockerfile::KeyValue;

namespace {

std::string json_list(const std::vector<std::string>& words) {
  return dump_json(nlohmann::json(words));
}

// "80", "80/tcp", "8000-8005/udp" to "80/tcp" and so on.
Result<std::vector<std::string>> parse_ports(std::string_view text) {
  const auto bad = [&] {
    return fail(Error(Fault::user, fmt::format("'{}' is not a port", printable(text)))
                    .remedy("write 80, 80/udp or 8000-8010/tcp"));
  };
  const std::size_t slash = text.find('/');
  std::string protocol = slash == std::string_view::npos ? "tcp" : to_lower(text.substr(slash + 1));
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") return bad();
  // "127.0.0.1:8080:80": the container's port is the last; a check warns of the rest.
  std::string_view numbers = text.substr(0, slash);
  numbers = numbers.substr(numbers.rfind(':') + 1);
  const std::size_t dash = numbers.find('-');
  const auto port = [](std::string_view digits) -> std::optional<unsigned> {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value > 65535) return std::nullopt;
    return value;
  };
  const auto first = port(numbers.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : port(numbers.substr(dash + 1));
  if (!first || !last || *last < *first) return bad();
  std::vector<std::string> ports;
  for (unsigned each = *first; each <= *last; ++each)
    ports.push_back(fmt::format("{}/{}", each, protocol));
  return ports;
}

void insert_sorted(std::vector<std::string>& list, const std::string& value) {
  const auto at = std::ranges::lower_bound(list, value);
  if (at == list.end() || *at != value) list.insert(at, value);
}

// signal(7), the names Linux knows; numbers to 64.
bool is_signal(std::string_view text) {
  static constexpr std::array<std::string_view, 35> kNames{
      "ABRT", "ALRM", "BUS",  "CHLD", "CLD",  "CONT", "FPE",    "HUP",    "ILL",  "INT",  "IO",    "IOT",
      "KILL", "PIPE", "POLL", "PROF", "PWR",  "QUIT", "SEGV",   "STKFLT", "STOP", "SYS",  "TERM",  "TRAP",
      "TSTP", "TTIN", "TTOU", "URG",  "USR1", "USR2", "VTALRM", "WINCH",  "XCPU", "XFSZ", "UNUSED"};
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number >= 1 && number <= 64;
  std::string name(text);
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  if (name.starts_with("SIG")) name.erase(0, 3);
  return std::ranges::find(kNames, std::string_view(name)) != kNames.end() || name.starts_with("RTMIN") ||
         name.starts_with("RTMAX");
}

}  // namespace

std::vector<std::string> StageBuilder::shell_words() const {
  return state_.config.shell.value_or(std::vector<std::string>{"/bin/sh", "-c"});
}

std::vector<std::string> StageBuilder::command_words(const dockerfile::CommandLine& command) const {
  if (command.form == dockerfile::Form::exec || command.words.empty()) return command.words;
  std::vector<std::string> words = shell_words();
  words.insert(words.end(), command.words.begin(), command.words.end());
  return words;
}

Result<void> StageBuilder::apply(const Instruction& instruction) {
  struct Visitor {
    StageBuilder& self;
    Result<void> operator()(const dockerfile::FromLine&) const { return {}; }
    Result<void> operator()(const dockerfile::ArgLine& line) const { return self.arg(line); }
    Result<void> operator()(const dockerfile::EnvLine& line) const { return self.env(line); }
    Result<void> operator()(const dockerfile::LabelLine& line) const { return self.label(line); }
    Result<void> operator()(const dockerfile::RunLine& line) const { return self.run(line); }
    Result<void> operator()(const dockerfile::CmdLine& line) const { return self.cmd(line); }
    Result<void> operator()(const dockerfile::EntrypointLine& line) const { return self.entrypoint(line); }
    Result<void> operator()(const dockerfile::ShellLine& line) const { return self.shell(line); }
    Result<void> operator()(const dockerfile::CopyLine& line) const { return self.copy(line); }
    Result<void> operator()(const dockerfile::WorkdirLine& line) const { return self.workdir(line); }
    Result<void> operator()(const dockerfile::UserLine& line) const { return self.user(line); }
    Result<void> operator()(const dockerfile::ExposeLine& line) const { return self.expose(line); }
    Result<void> operator()(const dockerfile::VolumeLine& line) const { return self.volume(line); }
    Result<void> operator()(const dockerfile::StopSignalLine& line) const { return self.stop_signal(line); }
    Result<void> operator()(const dockerfile::MaintainerLine& line) const {
      self.state_.config.author = line.who;
      self.mark("MAINTAINER");
      self.add_history("MAINTAINER " + line.who, true);
      return {};
    }
    Result<void> operator()(const dockerfile::HealthcheckLine& line) const { return self.healthcheck(line); }
    Result<void> operator()(const dockerfile::OnbuildLine& line) const { return self.on_build(line); }
  };
  return std::visit(Visitor{*this}, instruction.body);
}

Result<void> StageBuilder::arg(const dockerfile::ArgLine& line) {
  std::string told = "ARG";
  for (const dockerfile::ArgName& each : line.args) {
    SCANGATE_TRY(const std::string name, expand(each.name, each.place));
    std::optional<std::string> value;
    if (const auto given = work_.request.build_args.find(name); given != work_.request.build_args.end()) {
      value = given->second;
    } else if (each.fallback) {
      SCANGATE_TRY(value, expand(*each.fallback, each.place));
    } else if (const auto global = work_.resolved.global_args.find(name); global != work_.resolved.global_args.end()) {
      value = global->second;
    }
    told += " " + name;
    if (!value) continue;
    told += "=" + *value;
    const auto known = std::ranges::find(arguments_, name, &Argument::name);
    if (known != arguments_.end())
      *known = {name, *value};
    else
      arguments_.push_back({name, *value});
  }
  add_history(std::move(told), true);
  return {};
}

Result<void> StageBuilder::env(const dockerfile::EnvLine& line) {
  // All values of one line see the state before the line.
  std::vector<std::pair<std::string, std::string>> expanded;
  std::string told = "ENV";
  for (const KeyValue& each : line.variables) {
    SCANGATE_TRY(std::string name, expand(each.key, each.place));
    SCANGATE_TRY(std::string value, expand(each.value, each.place));
    if (name.empty() || name.find('=') != std::string::npos)
      return fail(placed(Error(Fault::user, fmt::format("'{}' is not a variable name", printable(name))), each.place));
    told += fmt::format(" {}={}", name, value);
    expanded.emplace_back(std::move(name), std::move(value));
  }
  for (const auto& [name, value] : expanded) {
    set_environment(state_.config.environment, name, value);
    const auto argument = std::ranges::find(arguments_, name, &Argument::name);
    if (argument != arguments_.end()) argument->hidden = true;
    mark("ENV " + name);
  }
  add_history(std::move(told), true);
  return {};
}

Result<void> StageBuilder::label(const dockerfile::LabelLine& line) {
  std::string told = "LABEL";
  for (const KeyValue& each : line.labels) {
    SCANGATE_TRY(const std::string name, expand(each.key, each.place));
    SCANGATE_TRY(const std::string value, expand(each.value, each.place));
    told += fmt::format(" {}={}", name, value);
    state_.config.labels[name] = value;
    mark("LABEL " + name);
  }
  add_history(std::move(told), true);
  return {};
}

Result<void> StageBuilder::cmd(const dockerfile::CmdLine& line) {
  const auto words = command_words(line.command);
  state_.config.command = words;
  command_set_ = true;
  mark("CMD");
  add_history("CMD " + json_list(words), true);
  return {};
}

Result<void> StageBuilder::entrypoint(const dockerfile::EntrypointLine& line) {
  auto words = command_words(line.command);
  // A command of the base was meant for its own entrypoint.
  if (!command_set_) {
    state_.config.command.reset();
    state_.places.erase("CMD");
  }
  mark("ENTRYPOINT");
  add_history("ENTRYPOINT " + json_list(words), true);
  // `ENTRYPOINT []` takes the inherited one away.
  if (words.empty())
    state_.config.entrypoint.reset();
  else
    state_.config.entrypoint = std::move(words);
  return {};
}

Result<void> StageBuilder::shell(const dockerfile::ShellLine& line) {
  state_.config.shell = line.words;
  mark("SHELL");
  add_history("SHELL " + json_list(line.words), true);
  return {};
}

Result<void> StageBuilder::user(const dockerfile::UserLine& line) {
  SCANGATE_TRY(state_.config.user, expand(line.user));
  mark("USER");
  add_history("USER " + state_.config.user, true);
  return {};
}

Result<void> StageBuilder::expose(const dockerfile::ExposeLine& line) {
  std::string told = "EXPOSE";
  for (const Word& word : line.ports) {
    auto words = dockerfile::expand_words(
        word.text, [this](std::string_view name) { return variable(name); }, work_.file.escape);
    if (!words) return fail(placed(std::move(words).error(), word.place));
    for (const std::string& each : *words) {
      auto ports = parse_ports(each);
      if (!ports) return fail(placed(std::move(ports).error(), word.place));
      for (const std::string& port : *ports) {
        insert_sorted(state_.config.exposed_ports, port);
        mark("EXPOSE " + port);
      }
      told += " " + each;
    }
  }
  add_history(std::move(told), true);
  return {};
}

Result<void> StageBuilder::volume(const dockerfile::VolumeLine& line) {
  std::vector<std::string> paths;
  for (const Word& word : line.paths) {
    SCANGATE_TRY(std::string path, expand(word));
    if (trim(path).empty())
      return fail(placed(Error(Fault::user, "the volume's path is empty after expansion"), word.place));
    insert_sorted(state_.config.volumes, path);
    mark("VOLUME " + path);
    paths.push_back(std::move(path));
  }
  add_history("VOLUME " + json_list(paths), true);
  return {};
}

Result<void> StageBuilder::stop_signal(const dockerfile::StopSignalLine& line) {
  SCANGATE_TRY(const std::string signal, expand(line.signal));
  if (!is_signal(signal))
    return fail(placed(Error(Fault::user, fmt::format("'{}' is not a signal", printable(signal)))
                           .remedy("write a name such as SIGTERM or a number"),
                       line.signal.place));
  state_.config.stop_signal = signal;
  mark("STOPSIGNAL");
  add_history("STOPSIGNAL " + signal, true);
  return {};
}

Result<void> StageBuilder::healthcheck(const dockerfile::HealthcheckLine& line) {
  Healthcheck check;
  if (line.none) {
    check.test = {"NONE"};
  } else {
    check.test = {line.command.form == dockerfile::Form::exec ? "CMD" : "CMD-SHELL"};
    check.test.insert(check.test.end(), line.command.words.begin(), line.command.words.end());
    check.interval = line.interval;
    check.timeout = line.timeout;
    check.start_period = line.start_period;
    check.start_interval = line.start_interval;
    check.retries = line.retries;
  }
  state_.config.healthcheck = std::move(check);
  mark("HEALTHCHECK");
  add_history(current_->text, true);
  return {};
}

}  // namespace scangate::build
