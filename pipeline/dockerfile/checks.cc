#include "pipeline/dockerfile/checks.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "pipeline/dockerfile/expand.h"
#include "pipeline/dockerfile/words.h"

namespace scangate::dockerfile {
namespace {

bool listed(const std::vector<std::string>& names, std::string_view rule) {
  return std::ranges::any_of(names, [&](const std::string& each) { return each == rule || each == "all"; });
}

enum class Casing { lower, upper, mixed };
Casing casing_of(std::string_view word) {
  const bool lower = std::ranges::any_of(word, [](char c) { return c >= 'a' && c <= 'z'; });
  const bool upper = std::ranges::any_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
  return lower && upper ? Casing::mixed : lower ? Casing::lower : Casing::upper;
}

// As written, while Instruction::name is upper case.
std::string keyword(const Instruction& instruction) {
  const auto words = plain_words(instruction.text);
  return words.empty() ? instruction.name : words.front().text;
}

bool has_variable(std::string_view text) {
  return text.find('$') != std::string_view::npos;
}

class Checker {
 public:
  Checker(const Dockerfile& file, const ResolvedFile& resolved, const IgnoreRules& ignore)
      : file_(file), resolved_(resolved), ignore_(ignore), warnings_(file.warnings) {}

  std::vector<Warning> run() {
    casing();
    for (const Stage& stage : file_.stages) {
      from(stage);
      instructions(stage);
    }
    for (const ArgLine& line : file_.args)
      secrets(line);
    return std::move(warnings_);
  }

 private:
  void warn(Place place, std::string_view rule, std::string text) {
    warnings_.push_back({place, std::string(rule), std::move(text)});
  }
  void casing();
  void from(const Stage& stage);
  void from_variables(const Stage& stage);
  void from_platform(const Stage& stage);
  void instructions(const Stage& stage);
  void instruction(const Stage& stage, const Instruction& each);
  void copy(const CopyLine& line, const std::string& name);
  void secrets(const ArgLine& line);
  void described(const Instruction& at, const std::string& what, const std::string& name);

  const Dockerfile& file_;
  const ResolvedFile& resolved_;
  const IgnoreRules& ignore_;
  std::vector<Warning> warnings_;
  std::set<std::size_t> with_shell_;    // stages in whose ancestry SHELL stands
  std::set<std::size_t> with_workdir_;  // or an absolute WORKDIR
};

void Checker::casing() {
  std::vector<const Instruction*> all;
  for (const Stage& stage : file_.stages) {
    all.push_back(&stage.from);
    for (const Instruction& each : stage.instructions)
      all.push_back(&each);
  }
  std::ptrdiff_t lower = 0;
  for (const Instruction* each : all) {
    const Casing casing = casing_of(keyword(*each));
    lower += casing == Casing::lower ? 1 : casing == Casing::upper ? -1 : 0;
  }
  const Casing most = lower > 0 ? Casing::lower : Casing::upper;
  for (const Instruction* each : all) {
    const std::string word = keyword(*each);
    if (casing_of(word) != most)
      warn(each->place, "ConsistentInstructionCasing",
           fmt::format("'{}' is not in {} case as most instructions are", printable(word),
                       most == Casing::lower ? "lower" : "upper"));
  }
}

void Checker::from_variables(const Stage& stage) {
  const FromLine& line = stage.from_line();
  if (!has_variable(line.base.text) && !has_variable(line.platform)) return;
  std::set<std::string> declared;
  Variables defaults;
  for (const ArgLine& args : file_.args) {
    for (const ArgName& arg : args.args) {
      declared.insert(arg.name);
      if (!arg.fallback) continue;
      const auto value = expand_word(
          *arg.fallback,
          [&](std::string_view name) -> std::optional<std::string> {
            const auto found = defaults.find(name);
            return found == defaults.end() ? std::nullopt : std::optional(found->second);
          },
          file_.escape);
      if (value) defaults[arg.name] = *value;
    }
  }
  std::set<std::string> undeclared;
  std::set<std::string> used;
  const auto lookup = [&](std::string_view name) -> std::optional<std::string> {
    used.insert(std::string(name));
    const bool predefined = name.starts_with("TARGET") || name.starts_with("BUILD") || is_predefined_arg(name);
    if (!declared.contains(std::string(name)) && !(predefined && resolved_.global_args.contains(name)))
      undeclared.insert(std::string(name));
    if (const auto found = defaults.find(name); found != defaults.end()) return found->second;
    if (const auto found = resolved_.global_args.find(name); predefined && found != resolved_.global_args.end())
      return found->second;
    return std::nullopt;
  };
  static_cast<void>(expand_word(line.platform, lookup, file_.escape));
  const bool of_platform = !undeclared.empty();
  const auto base = expand_word(line.base.text, lookup, file_.escape);
  const std::vector<std::string> known(declared.begin(), declared.end());
  for (const std::string& name : undeclared) {
    const auto best = nearest(name, known);
    warn(stage.from.place, "UndefinedArgInFrom",
         fmt::format("FROM uses '{}', which no ARG before it declares{}", printable(name),
                     best ? fmt::format(" (did you mean '{}'?)", *best) : ""));
  }
  if (of_platform || !undeclared.empty() || !base || !has_variable(line.base.text)) return;
  const bool invalid = base->empty() || base->ends_with(':') || base->ends_with('/') || base->ends_with('@') ||
                       base->starts_with(':') || base->starts_with('/') || base->find("//") != std::string::npos;
  if (invalid)
    warn(stage.from.place, "InvalidDefaultArgInFrom",
         fmt::format("with the defaults of its ARGs, '{}' is no image name", printable(line.base.text)));
}

void Checker::from_platform(const Stage& stage) {
  const FromLine& line = stage.from_line();
  if (line.platform.empty()) return;
  if (line.platform == "$TARGETPLATFORM" || line.platform == "${TARGETPLATFORM}") {
    warn(stage.from.place, "RedundantTargetPlatform",
         fmt::format("--platform={} is what FROM does without it", line.platform));
    return;
  }
  if (has_variable(line.platform)) return;
  // A stage that is named for its platform is meant to be for that one.
  for (const std::string& part : split(line.platform, '/')) {
    if (!part.empty() && line.name.find(to_lower(part)) != std::string::npos) return;
  }
  warn(stage.from.place, "FromPlatformFlagConstDisallowed",
       fmt::format("--platform={} does not follow the platform that is asked for", printable(line.platform)));
}

void Checker::from(const Stage& stage) {
  const FromLine& line = stage.from_line();
  const auto words = plain_words(stage.from.text);
  if (!line.name.empty() && words.size() >= 3) {
    const std::string& written = words.back().text;
    const std::string& as = words[words.size() - 2].text;
    if (casing_of(written) != Casing::lower && to_lower(written) != written)
      warn(stage.from.place, "StageNameCasing",
           fmt::format("the stage name '{}' should be in lower case", printable(written)));
    if (const Casing begin = casing_of(words.front().text); begin != Casing::mixed && casing_of(as) != begin)
      warn(stage.from.place, "FromAsCasing",
           fmt::format("'{}' and '{}' are not in the same case", words.front().text, as));
    if (line.name == "scratch" || line.name == "context")
      warn(stage.from.place, "ReservedStageName",
           fmt::format("the stage name '{}' has a meaning of its own", line.name));
    described(stage.from, "stage", line.name);
  }
  from_platform(stage);
  from_variables(stage);
}

// The comment directly above, as `docker build --call=outline` would read it.
void Checker::described(const Instruction& at, const std::string& what, const std::string& name) {
  const auto lines = split(file_.text, '\n');
  auto line = static_cast<std::size_t>(at.place.line) - 1;  // of the instruction, from 0
  std::size_t first = line;
  while (first > 0 && first - 1 < lines.size() && trim(lines[first - 1]).starts_with('#'))
    --first;
  if (first == line || line > lines.size()) return;
  const std::string_view comment = trim(trim(lines[first]).substr(1));
  // Directives stand above everything.
  if (first == 0 && comment.find('=') != std::string_view::npos) return;
  if (!comment.starts_with(name + " "))
    warn(at.place, "InvalidDefinitionDescription",
         fmt::format("the comment above does not describe the {}: write '# {} TEXT'", what, printable(name)));
}

void Checker::secrets(const ArgLine& line) {
  for (const ArgName& arg : line.args) {
    if (names_a_secret(arg.name))
      warn(arg.place, "SecretsUsedInArgOrEnv",
           fmt::format("the value of ARG '{}' can be read from the image: use RUN --mount=type=secret",
                       printable(arg.name)));
  }
}

void Checker::copy(const CopyLine& line, const std::string& name) {
  if (line.from || ignore_.empty()) return;
  for (const Word& source : line.sources) {
    if (has_variable(source.text) || source.text.find_first_of("*?[\\") != std::string::npos) continue;
    if (source.text.find("://") != std::string::npos || source.text.starts_with("git@")) continue;
    std::string path = clean_path("/" + source.text).substr(1);
    if (!path.empty() && ignore_.ignored(path) && ignore_.can_skip_below(path))
      warn(source.place, "CopyIgnoredFile",
           fmt::format("{} of '{}', which the ignore rule '{}' hides", name, printable(source.text),
                       printable(ignore_.patterns()[static_cast<std::size_t>(ignore_.deciding_rule(path))])));
  }
}

void Checker::instruction(const Stage& stage, const Instruction& each) {
  if (const auto* arg = std::get_if<ArgLine>(&each.body)) {
    secrets(*arg);
    if (arg->args.size() == 1) described(each, "argument", arg->args.front().name);
  } else if (const auto* env = std::get_if<EnvLine>(&each.body)) {
    for (const KeyValue& variable : env->variables) {
      if (names_a_secret(variable.key))
        warn(variable.place, "SecretsUsedInArgOrEnv",
             fmt::format("the value of ENV '{}' can be read from the image: use RUN --mount=type=secret",
                         printable(variable.key)));
    }
  } else if (const auto* workdir = std::get_if<WorkdirLine>(&each.body)) {
    const std::string& path = workdir->path.text;
    const bool absolute = path.starts_with('/') || path.starts_with('$') || path.starts_with('"');
    if (!absolute && !with_workdir_.contains(stage.index))
      warn(workdir->path.place, "WorkdirRelativePath",
           fmt::format("WORKDIR '{}' depends on the base image: begin with an absolute one", printable(path)));
    with_workdir_.insert(stage.index);
  } else if (const auto* copied = std::get_if<CopyLine>(&each.body)) {
    copy(*copied, each.name);
  } else if (const auto* expose = std::get_if<ExposeLine>(&each.body)) {
    for (const Word& port : expose->ports) {
      if (has_variable(port.text)) continue;
      const std::size_t slash = port.text.find('/');
      if (slash != std::string::npos && casing_of(std::string_view(port.text).substr(slash + 1)) != Casing::lower)
        warn(port.place, "ExposeProtoCasing",
             fmt::format("the protocol of EXPOSE '{}' should be in lower case", printable(port.text)));
      if (port.text.find(':') != std::string::npos)
        warn(port.place, "ExposeInvalidFormat",
             fmt::format("EXPOSE '{}' names an address or a port of the host: only the container's port is kept",
                         printable(port.text)));
    }
  } else if (std::holds_alternative<ShellLine>(each.body)) {
    with_shell_.insert(stage.index);
  }
  if (each.name == "ENV" || each.name == "LABEL") {
    const auto words = quoted_words(each.text, file_.escape);
    if (words.size() > 1 && words[1].text.find('=') == std::string::npos)
      warn(each.place, "LegacyKeyValueFormat", fmt::format("write {0} KEY=VALUE, not {0} KEY VALUE", each.name));
  }
  const auto* cmd = std::get_if<CmdLine>(&each.body);
  const auto* entrypoint = std::get_if<EntrypointLine>(&each.body);
  const CommandLine* command = cmd != nullptr ? &cmd->command : entrypoint != nullptr ? &entrypoint->command : nullptr;
  if (command != nullptr && command->form == Form::shell && !with_shell_.contains(stage.index))
    warn(each.place, "JSONArgsRecommended",
         fmt::format("{} in shell form does not pass signals on: write it as a JSON array", each.name));
}

void Checker::instructions(const Stage& stage) {
  const SourceRef& base = resolved_.stages[stage.index].base;
  if (base.kind == BaseKind::stage) {
    if (with_shell_.contains(base.stage)) with_shell_.insert(stage.index);
    if (with_workdir_.contains(base.stage)) with_workdir_.insert(stage.index);
  }
  for (const Instruction& each : stage.instructions)
    instruction(stage, each);
  for (const std::string_view name : {"CMD", "ENTRYPOINT", "HEALTHCHECK"}) {
    const Instruction* before = nullptr;
    for (const Instruction& each : stage.instructions) {
      if (each.name != name) continue;
      if (before != nullptr)
        warn(before->place, "MultipleInstructionsDisallowed",
             fmt::format("this {} has no effect: another one follows in the stage", name));
      before = &each;
    }
  }
}

}  // namespace

bool names_a_secret(std::string_view name) {
  static constexpr std::array<std::string_view, 11> kWords{
      "apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token", "pat"};
  bool secret = false;
  for (const std::string& part : split(to_lower(name), '_')) {
    if (part == "public") return false;
    secret = secret || std::ranges::find(kWords, part) != kWords.end();
  }
  return secret;
}

bool CheckOptions::wants(std::string_view rule) const {
  // The one experimental rule so far; the others are on until they are skipped.
  if (rule == "InvalidDefinitionDescription") return listed(experimental, rule);
  return !listed(skip, rule);
}

Result<CheckOptions> parse_check_options(std::string_view text) {
  CheckOptions options;
  for (const std::string& part : split(text, ';')) {
    const std::string_view option = trim(part);
    if (option.empty()) continue;
    const std::size_t equals = option.find('=');
    const std::string name(trim(option.substr(0, equals)));
    const std::string value(equals == std::string_view::npos ? "" : trim(option.substr(equals + 1)));
    if (name == "skip" || name == "experimental") {
      for (const std::string& rule : split(value, ','))
        (name == "skip" ? options.skip : options.experimental).emplace_back(trim(rule));
    } else if (name == "error" && (value == "true" || value == "1" || value == "false" || value == "0")) {
      options.error = value == "true" || value == "1";
    } else {
      return fail(Error(Fault::user, fmt::format("'{}' is no option of build checks", printable(option)))
                      .remedy("write skip=RULE,RULE or error=true, with ';' between them"));
    }
  }
  return options;
}

std::vector<Warning> check_dockerfile(const Dockerfile& file, const ResolvedFile& resolved, const IgnoreRules& ignore,
                                      const CheckOptions& options) {
  auto warnings = Checker(file, resolved, ignore).run();
  std::erase_if(warnings, [&](const Warning& each) { return !options.wants(each.rule); });
  std::ranges::stable_sort(warnings, [](const Warning& a, const Warning& b) {
    return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
  });
  return warnings;
}

}  // namespace scangate::dockerfile
