#include "pipeline/dockerfile/instruction.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "pipeline/dockerfile/duration.h"
#include "pipeline/dockerfile/flags.h"
#include "pipeline/dockerfile/words.h"

namespace scangate::dockerfile {
namespace {

constexpr std::array<std::string_view, 18> kInstructions{
    "FROM", "ARG",    "ENV",    "LABEL",   "RUN",        "CMD",         "ENTRYPOINT", "COPY",    "ADD",
    "USER", "EXPOSE", "VOLUME", "WORKDIR", "STOPSIGNAL", "HEALTHCHECK", "SHELL",      "ONBUILD", "MAINTAINER"};

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

// The state all instructions' parsers share: the words after the name, and how to say where something stands.
class Parser {
 public:
  Parser(const LogicalLine& line, char escape, std::string_view file_name)
      : line_(line), text_(line.text()), escape_(escape), file_name_(file_name) {}

  Result<Instruction> parse(std::size_t start, bool trigger);

 private:
  Error broken(std::string cause, std::size_t offset) const {
    return Error(Fault::user, std::move(cause)).at(place_text(file_name_, line_.place_at(offset)));
  }
  Error broken(std::string cause) const { return broken(std::move(cause), start_); }
  Word word(const Span& span, std::size_t base) const { return {span.text, line_.place_at(base + span.offset)}; }
  std::string_view arguments() const { return trim(std::string_view(text_).substr(rest_)); }
  std::vector<Word> words(const std::vector<Span>& spans) const {
    std::vector<Word> out;
    for (const Span& span : spans)
      out.push_back(word(span, rest_));
    return out;
  }
  Result<FlagSet> flags(std::initializer_list<FlagRule> rules) const {
    return FlagSet::parse(flags_, {rules.begin(), rules.size()}, name_, file_name_);
  }
  Result<void> no_flags() const {
    auto none = flags({});
    if (!none) return fail(std::move(none).error());
    return {};
  }
  Result<Word> one_argument() const {
    if (arguments().empty()) return fail(broken(name_ + " needs one argument"));
    return Word{std::string(arguments()), line_.place_at(rest_)};
  }
  // JSON array of strings, or the blank-separated words.
  Result<std::vector<Word>> list() const;
  Result<CommandLine> command(std::size_t offset) const;
  Result<std::vector<KeyValue>> pairs() const;

  Result<InstructionBody> from() const;
  Result<InstructionBody> arg() const;
  Result<InstructionBody> run() const;
  Result<InstructionBody> copy(CopyKind kind) const;
  Result<InstructionBody> shell() const;
  Result<InstructionBody> healthcheck() const;
  Result<InstructionBody> onbuild() const;
  Result<InstructionBody> body() const;
  Result<Mount> mount(const Word& flag) const;

  const LogicalLine& line_;
  const std::string& text_;
  char escape_;
  std::string file_name_;
  std::string name_;
  std::size_t start_ = 0;  // of the instruction's name
  std::size_t rest_ = 0;   // of the arguments, after the flags
  std::vector<Word> flags_;
};

Result<std::vector<Word>> Parser::list() const {
  const std::string_view rest = std::string_view(text_).substr(rest_);
  auto json = json_words(rest);
  if (!json) return fail(std::move(json).error().at(place_text(file_name_, line_.place_at(rest_))));
  if (!*json) return words(plain_words(rest));
  std::vector<Word> out;
  for (std::string& each : **json)
    out.push_back({std::move(each), line_.place_at(rest_)});
  return out;
}

Result<CommandLine> Parser::command(std::size_t offset) const {
  const std::string_view rest = trim(std::string_view(text_).substr(offset));
  CommandLine command;
  command.heredocs = line_.heredocs;
  auto json = json_words(rest);
  if (!json) return fail(std::move(json).error().at(place_text(file_name_, line_.place_at(offset))));
  if (*json) {
    command.form = Form::exec;
    command.words = std::move(**json);
  } else if (!rest.empty()) {
    command.words.emplace_back(rest);
  }
  return command;
}

Result<std::vector<KeyValue>> Parser::pairs() const {
  const std::string_view rest = std::string_view(text_).substr(rest_);
  const auto spans = quoted_words(rest, escape_);
  if (spans.empty()) return fail(broken(name_ + " needs at least one argument"));
  std::vector<KeyValue> out;
  // The old form "ENV name value": the whole rest of the line is the value.
  if (spans.front().text.find('=') == std::string::npos) {
    const auto plain = plain_words(rest);
    if (plain.size() < 2)
      return fail(broken(fmt::format("{} needs a value for '{}'", name_, printable(spans.front().text)),
                         rest_ + spans.front().offset)
                      .remedy(fmt::format("write {} {}=VALUE", name_, printable(spans.front().text))));
    out.push_back(
        {plain[0].text, std::string(trim(rest.substr(plain[1].offset))), line_.place_at(rest_ + plain[0].offset)});
    return out;
  }
  for (const Span& span : spans) {
    const std::size_t equals = span.text.find('=');
    if (equals == std::string::npos)
      return fail(broken(fmt::format("'{}' is not of the form name=value", printable(span.text)), rest_ + span.offset)
                      .remedy("quote a value that has blanks"));
    if (equals == 0) return fail(broken(name_ + " names must not be empty", rest_ + span.offset));
    out.push_back({span.text.substr(0, equals), span.text.substr(equals + 1), line_.place_at(rest_ + span.offset)});
  }
  return out;
}

bool valid_stage_name(std::string_view name) {
  if (name.empty() || name[0] < 'a' || name[0] > 'z') return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

Result<InstructionBody> Parser::from() const {
  SCANGATE_TRY(auto set, flags({{"platform"}}));
  const auto args = words(plain_words(std::string_view(text_).substr(rest_)));
  FromLine from;
  if (args.size() != 1 && (args.size() != 3 || to_lower(args[1].text) != "as"))
    return fail(broken("FROM takes an image, or an image, AS and a stage name"));
  from.base = args[0];
  if (auto platform = set.text("platform")) from.platform = platform->text;
  if (args.size() == 3) {
    from.name = to_lower(args[2].text);
    if (!valid_stage_name(from.name))
      return fail(Error(Fault::user, fmt::format("'{}' is not a stage name: it starts with a letter and holds letters, "
                                                 "digits, '-', '_' and '.'",
                                                 printable(args[2].text)))
                      .at(place_text(file_name_, args[2].place)));
  }
  return from;
}

Result<InstructionBody> Parser::arg() const {
  SCANGATE_CHECK(no_flags());
  ArgLine line;
  for (const Span& span : quoted_words(std::string_view(text_).substr(rest_), escape_)) {
    const std::size_t equals = span.text.find('=');
    if (equals == 0) return fail(broken("ARG names must not be empty", rest_ + span.offset));
    ArgName arg{span.text.substr(0, equals), std::nullopt, line_.place_at(rest_ + span.offset)};
    if (equals != std::string::npos) arg.fallback = span.text.substr(equals + 1);
    line.args.push_back(std::move(arg));
  }
  if (line.args.empty()) return fail(broken("ARG needs at least one argument"));
  return line;
}

Result<Mount> Parser::mount(const Word& flag) const {
  const auto at = [&](Error error) { return std::move(error).at(place_text(file_name_, flag.place)); };
  static constexpr std::array<std::string_view, 16> kOptions{
      "type",     "from", "source", "target", "readonly", "readwrite", "id", "sharing",
      "required", "mode", "uid",    "gid",    "env",      "size",      "",   ""};
  auto fields = csv_fields(flag.text);
  if (!fields) return fail(at(std::move(fields).error()));
  Mount mount{"bind", {}, flag.place};
  for (const Span& field : *fields) {
    const std::size_t equals = field.text.find('=');
    std::string key = to_lower(std::string_view(field.text).substr(0, equals));
    std::string value = equals == std::string::npos ? "" : field.text.substr(equals + 1);
    if (key == "src") key = "source";
    if (key == "dst" || key == "destination") key = "target";
    if (key == "ro") key = "readonly";
    if (key == "rw") key = "readwrite";
    if (std::ranges::find(kOptions, key) == kOptions.end() || key.empty()) {
      const std::vector<std::string> known(kOptions.begin(), kOptions.end() - 2);
      Error error = at(Error(Fault::user, fmt::format("RUN --mount does not know the option '{}'", printable(key))));
      if (auto best = nearest(key, known))
        return fail(std::move(error).remedy(fmt::format("did you mean '{}'?", *best)));
      return fail(std::move(error));
    }
    if (equals == std::string::npos) {
      if (key != "readonly" && key != "readwrite" && key != "required")
        return fail(at(Error(Fault::user, fmt::format("the mount option '{}' needs a value", key))));
      value = "true";
    }
    if (key == "type") {
      mount.type = to_lower(value);
      static const std::vector<std::string> kTypes{"bind", "cache", "tmpfs", "secret", "ssh"};
      if (std::ranges::find(kTypes, mount.type) == kTypes.end()) {
        Error error = at(Error(Fault::user, fmt::format("unknown mount type '{}'", printable(value))));
        if (auto best = nearest(mount.type, kTypes))
          return fail(std::move(error).remedy(fmt::format("did you mean '{}'?", *best)));
        return fail(std::move(error).remedy("use bind, cache, tmpfs, secret or ssh"));
      }
      continue;
    }
    mount.options.push_back({std::move(key), std::move(value), flag.place});
  }
  const bool has_target = std::ranges::find(mount.options, "target", &KeyValue::key) != mount.options.end();
  if (!has_target && mount.type != "secret" && mount.type != "ssh")
    return fail(at(Error(Fault::user, fmt::format("a mount of type {} needs a target", mount.type))));
  return mount;
}

Result<InstructionBody> Parser::run() const {
  SCANGATE_TRY(
      auto set,
      flags({{"mount", FlagKind::repeated_text}, {"network"}, {"security"}, {"device", FlagKind::repeated_text}}));
  RunLine run;
  SCANGATE_TRY(run.command, command(rest_));
  for (const Word& flag : set.texts("mount")) {
    SCANGATE_TRY(auto parsed, mount(flag));
    run.mounts.push_back(std::move(parsed));
  }
  const auto one_of = [&](const char* flag, std::initializer_list<std::string_view> allowed) -> Result<std::string> {
    auto value = set.text(flag);
    if (!value) return std::string();
    if (std::ranges::find(allowed, std::string_view(value->text)) != allowed.end()) return value->text;
    return fail(Error(Fault::user,
                      fmt::format("RUN --{} is {}, not '{}'", flag, fmt::join(allowed, " or "), printable(value->text)))
                    .at(place_text(file_name_, value->place)));
  };
  SCANGATE_TRY(run.network, one_of("network", {"default", "none", "host"}));
  SCANGATE_TRY(run.security, one_of("security", {"sandbox", "insecure"}));
  run.devices = set.texts("device");
  if (run.command.words.empty()) return fail(broken("RUN needs a command"));
  return run;
}

Result<InstructionBody> Parser::copy(CopyKind kind) const {
  Result<FlagSet> set = kind == CopyKind::copy ? flags({{"from"},
                                                        {"chown"},
                                                        {"chmod"},
                                                        {"link", FlagKind::boolean},
                                                        {"parents", FlagKind::boolean},
                                                        {"exclude", FlagKind::repeated_text}})
                                               : flags({{"chown"},
                                                        {"chmod"},
                                                        {"link", FlagKind::boolean},
                                                        {"exclude", FlagKind::repeated_text},
                                                        {"checksum"},
                                                        {"keep-git-dir", FlagKind::boolean},
                                                        {"unpack", FlagKind::boolean}});
  if (!set) return fail(std::move(set).error());
  SCANGATE_TRY(auto args, list());
  if (args.size() < 2) return fail(broken(fmt::format("{} needs at least one source and a destination", name_)));
  CopyLine copy;
  copy.kind = kind;
  copy.destination = std::move(args.back());
  args.pop_back();
  if (heredoc_of_word(copy.destination.text) && !line_.heredocs.empty())
    return fail(Error(Fault::user, fmt::format("{} cannot have a heredoc as its destination", name_))
                    .at(place_text(file_name_, copy.destination.place)));
  std::size_t next_heredoc = 0;
  for (Word& source : args) {
    if (next_heredoc < line_.heredocs.size() && heredoc_of_word(source.text))
      copy.files.push_back(line_.heredocs[next_heredoc++]);
    else
      copy.sources.push_back(std::move(source));
  }
  copy.from = set->text("from");
  copy.chown = set->text("chown");
  copy.chmod = set->text("chmod");
  copy.checksum = set->text("checksum");
  copy.excludes = set->texts("exclude");
  copy.link = set->boolean("link").value_or(false);
  copy.parents = set->boolean("parents").value_or(false);
  copy.keep_git_folder = set->boolean("keep-git-dir");
  copy.unpack = set->boolean("unpack");
  return copy;
}

Result<InstructionBody> Parser::shell() const {
  SCANGATE_CHECK(no_flags());
  SCANGATE_TRY(auto parsed, command(rest_));
  if (parsed.form != Form::exec || parsed.words.empty())
    return fail(broken("SHELL needs a JSON array").remedy(R"(write SHELL ["/bin/bash", "-c"])"));
  return ShellLine{std::move(parsed.words)};
}

Result<InstructionBody> Parser::healthcheck() const {
  const auto spans = plain_words(std::string_view(text_).substr(rest_));
  if (spans.empty()) return fail(broken("HEALTHCHECK needs CMD or NONE"));
  HealthcheckLine health;
  const std::string type = upper(spans.front().text);
  if (type == "NONE") {
    SCANGATE_CHECK(no_flags());
    if (spans.size() != 1) return fail(broken("HEALTHCHECK NONE takes no arguments"));
    health.none = true;
    return health;
  }
  if (type != "CMD")
    return fail(broken(fmt::format("HEALTHCHECK takes CMD or NONE, not '{}'", printable(spans.front().text)),
                       rest_ + spans.front().offset));
  SCANGATE_TRY(auto set, flags({{"interval"}, {"timeout"}, {"start-period"}, {"start-interval"}, {"retries"}}));
  SCANGATE_TRY(health.command, command(rest_ + spans.front().offset + spans.front().text.size()));
  if (health.command.words.empty()) return fail(broken("HEALTHCHECK CMD needs a command"));
  const auto duration = [&](const char* flag, std::chrono::nanoseconds& into) -> Result<void> {
    auto value = set.text(flag);
    if (!value || value->text.empty()) return {};
    const auto place = place_text(file_name_, value->place);
    auto parsed = parse_duration(value->text);
    if (!parsed)
      return fail(Error(Fault::user, fmt::format("'{}' is not a duration such as 30s or 1m30s", printable(value->text)))
                      .at(place));
    if (parsed->count() != 0 && *parsed < std::chrono::milliseconds(1))
      return fail(Error(Fault::user, fmt::format("--{} must be 0 or at least 1ms", flag)).at(place));
    into = *parsed;
    return {};
  };
  SCANGATE_CHECK(duration("interval", health.interval));
  SCANGATE_CHECK(duration("timeout", health.timeout));
  SCANGATE_CHECK(duration("start-period", health.start_period));
  SCANGATE_CHECK(duration("start-interval", health.start_interval));
  if (auto retries = set.text("retries")) {
    const std::string& text = retries->text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), health.retries);
    if (error != std::errc() || end != text.data() + text.size() || health.retries < 0)
      return fail(Error(Fault::user, fmt::format("--retries is a number of 0 or more, not '{}'", printable(text)))
                      .at(place_text(file_name_, retries->place)));
  }
  return health;
}

Result<InstructionBody> Parser::onbuild() const {
  SCANGATE_CHECK(no_flags());
  if (arguments().empty()) return fail(broken("ONBUILD needs an instruction"));
  const Span first = plain_words(std::string_view(text_).substr(rest_)).front();
  OnbuildLine onbuild;
  onbuild.trigger = upper(first.text);
  onbuild.text = std::string(arguments());
  if (onbuild.trigger == "ONBUILD" || onbuild.trigger == "FROM" || onbuild.trigger == "MAINTAINER")
    return fail(broken(fmt::format("{} is not allowed after ONBUILD", onbuild.trigger), rest_ + first.offset));
  Parser inner(line_, escape_, file_name_);
  SCANGATE_TRY(auto trigger, inner.parse(rest_ + first.offset, true));
  if (const auto* copy = std::get_if<CopyLine>(&trigger.body); copy != nullptr && copy->from)
    onbuild.copies.push_back(*copy->from);
  for (const Heredoc& doc : line_.heredocs)
    onbuild.text += "\n" + doc.content + doc.name;
  return onbuild;
}

Result<InstructionBody> Parser::body() const {
  if (name_ == "FROM") return from();
  if (name_ == "ARG") return arg();
  if (name_ == "RUN") return run();
  if (name_ == "COPY") return copy(CopyKind::copy);
  if (name_ == "ADD") return copy(CopyKind::add);
  if (name_ == "HEALTHCHECK") return healthcheck();
  if (name_ == "SHELL") return shell();
  if (name_ == "ONBUILD") return onbuild();
  SCANGATE_CHECK(no_flags());
  if (name_ == "ENV") {
    SCANGATE_TRY(auto all, pairs());
    return EnvLine{std::move(all)};
  }
  if (name_ == "LABEL") {
    SCANGATE_TRY(auto all, pairs());
    return LabelLine{std::move(all)};
  }
  if (name_ == "CMD") {
    SCANGATE_TRY(auto parsed, command(rest_));
    return CmdLine{std::move(parsed)};
  }
  if (name_ == "ENTRYPOINT") {
    SCANGATE_TRY(auto parsed, command(rest_));
    return EntrypointLine{std::move(parsed)};
  }
  if (name_ == "EXPOSE") {
    ExposeLine expose{words(plain_words(std::string_view(text_).substr(rest_)))};
    if (expose.ports.empty()) return fail(broken("EXPOSE needs at least one port"));
    return expose;
  }
  if (name_ == "VOLUME") {
    SCANGATE_TRY(auto paths, list());
    if (paths.empty()) return fail(broken("VOLUME needs at least one path"));
    for (const Word& path : paths) {
      if (trim(path.text).empty()) return fail(broken("VOLUME paths must not be empty"));
    }
    return VolumeLine{std::move(paths)};
  }
  SCANGATE_TRY(auto word, one_argument());
  if (name_ == "WORKDIR") return WorkdirLine{std::move(word)};
  if (name_ == "USER") return UserLine{std::move(word)};
  if (name_ == "STOPSIGNAL") return StopSignalLine{std::move(word)};
  return MaintainerLine{std::move(word.text)};
}

Result<Instruction> Parser::parse(std::size_t start, bool trigger) {
  while (start < text_.size() && is_blank(text_[start]))
    ++start;
  std::size_t end = start;
  while (end < text_.size() && !is_blank(text_[end]))
    ++end;
  start_ = start;
  const std::string written = text_.substr(start, end - start);
  name_ = upper(written);
  if (std::ranges::find(kInstructions, std::string_view(name_)) == kInstructions.end()) {
    const std::vector<std::string> known(kInstructions.begin(), kInstructions.end());
    Error error = broken(fmt::format("unknown instruction '{}'", printable(written)));
    if (auto best = nearest(name_, known))
      return fail(std::move(error).remedy(fmt::format("did you mean '{}'?", *best)));
    return fail(std::move(error));
  }
  while (end < text_.size() && is_blank(text_[end]))
    ++end;
  const Flags taken = leading_flags(std::string_view(text_).substr(end));
  for (const Span& flag : taken.flags)
    flags_.push_back(word(flag, end));
  rest_ = end + taken.rest;
  Instruction instruction;
  instruction.name = name_;
  instruction.place = line_.place_at(start);
  instruction.last_line = line_.last_line;
  instruction.text = trigger ? std::string(trim(std::string_view(text_).substr(start))) : std::string(trim(text_));
  SCANGATE_TRY(instruction.body, body());
  return instruction;
}

}  // namespace

Result<Instruction> parse_instruction(const LogicalLine& line, char escape, std::string_view file_name) {
  return Parser(line, escape, file_name).parse(0, false);
}

}  // namespace scangate::dockerfile
