#include "pipeline/dockerfile/debug.h"

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/dockerfile/expand.h"
#include "pipeline/dockerfile/ignore.h"

namespace scangate::dockerfile {
namespace {

using Json = nlohmann::ordered_json;

Json word_json(const Word& word) {
  return {{"text", word.text}, {"line", word.place.line}, {"column", word.place.column}};
}

Json words_json(const std::vector<Word>& words) {
  Json out = Json::array();
  for (const Word& word : words)
    out.push_back(word_json(word));
  return out;
}

Json pairs_json(const std::vector<KeyValue>& pairs) {
  Json out = Json::array();
  for (const KeyValue& pair : pairs)
    out.push_back(
        {{"name", pair.key}, {"value", pair.value}, {"line", pair.place.line}, {"column", pair.place.column}});
  return out;
}

Json heredocs_json(const std::vector<Heredoc>& heredocs) {
  Json out = Json::array();
  for (const Heredoc& doc : heredocs)
    out.push_back({{"name", doc.name},
                   {"text", doc.text()},
                   {"expand", doc.expand},
                   {"line", doc.place.line},
                   {"column", doc.place.column}});
  return out;
}

Json args_json(const ArgLine& line) {
  Json out = Json::array();
  for (const ArgName& arg : line.args) {
    out.push_back({{"name", arg.name},
                   {"default", arg.fallback ? Json(*arg.fallback) : Json()},
                   {"line", arg.place.line},
                   {"column", arg.place.column}});
  }
  return out;
}

void put_command(Json& out, const CommandLine& command) {
  out["form"] = command.form == Form::exec ? "exec" : "shell";
  out["command"] = command.words;
  if (!command.heredocs.empty()) out["heredocs"] = heredocs_json(command.heredocs);
}

// Adds what is particular to one kind of instruction.
struct BodyWriter {
  Json& out;

  void operator()(const FromLine& from) const {
    out["base"] = word_json(from.base);
    if (!from.platform.empty()) out["platform"] = from.platform;
    if (!from.name.empty()) out["as"] = from.name;
  }
  void operator()(const ArgLine& line) const { out["args"] = args_json(line); }
  void operator()(const EnvLine& line) const { out["variables"] = pairs_json(line.variables); }
  void operator()(const LabelLine& line) const { out["labels"] = pairs_json(line.labels); }
  void operator()(const RunLine& run) const {
    put_command(out, run.command);
    for (const Mount& mount : run.mounts) {
      Json options = Json::object();
      for (const KeyValue& option : mount.options)
        options[option.key] = option.value;
      out["mounts"].push_back({{"type", mount.type}, {"options", options}});
    }
    if (!run.network.empty()) out["network"] = run.network;
    if (!run.security.empty()) out["security"] = run.security;
    if (!run.devices.empty()) out["devices"] = words_json(run.devices);
  }
  void operator()(const CmdLine& line) const { put_command(out, line.command); }
  void operator()(const EntrypointLine& line) const { put_command(out, line.command); }
  void operator()(const ShellLine& line) const { out["command"] = line.words; }
  void operator()(const CopyLine& copy) const {
    out["sources"] = words_json(copy.sources);
    if (!copy.files.empty()) out["heredocs"] = heredocs_json(copy.files);
    out["destination"] = word_json(copy.destination);
    if (copy.from) out["from"] = copy.from->text;
    if (copy.chown) out["chown"] = copy.chown->text;
    if (copy.chmod) out["chmod"] = copy.chmod->text;
    if (copy.checksum) out["checksum"] = copy.checksum->text;
    if (!copy.excludes.empty()) out["exclude"] = words_json(copy.excludes);
    if (copy.link) out["link"] = true;
    if (copy.parents) out["parents"] = true;
    if (copy.keep_git_folder) out["keep_git_dir"] = *copy.keep_git_folder;
    if (copy.unpack) out["unpack"] = *copy.unpack;
  }
  void operator()(const WorkdirLine& line) const { out["path"] = word_json(line.path); }
  void operator()(const UserLine& line) const { out["user"] = word_json(line.user); }
  void operator()(const ExposeLine& line) const { out["ports"] = words_json(line.ports); }
  void operator()(const VolumeLine& line) const { out["paths"] = words_json(line.paths); }
  void operator()(const StopSignalLine& line) const { out["signal"] = word_json(line.signal); }
  void operator()(const MaintainerLine& line) const { out["who"] = line.who; }
  void operator()(const HealthcheckLine& line) const {
    out["none"] = line.none;
    if (line.none) return;
    put_command(out, line.command);
    out["interval_ns"] = line.interval.count();
    out["timeout_ns"] = line.timeout.count();
    out["start_period_ns"] = line.start_period.count();
    out["start_interval_ns"] = line.start_interval.count();
    out["retries"] = line.retries;
  }
  void operator()(const OnbuildLine& line) const {
    out["trigger"] = line.trigger;
    out["what"] = line.text;
  }
};

Json instruction_json(const Instruction& instruction) {
  Json out{{"name", instruction.name},
           {"line", instruction.place.line},
           {"column", instruction.place.column},
           {"last_line", instruction.last_line},
           {"text", instruction.text}};
  std::visit(BodyWriter{out}, instruction.body);
  return out;
}

}  // namespace

Result<std::string> dockerfile_json(const Dockerfile& file, const StageOptions& options) {
  SCANGATE_TRY(auto resolved, resolve_stages(file, options));
  Json out{{"name", file.name}, {"escape", std::string(1, file.escape)}};
  if (!file.syntax.empty()) out["syntax"] = file.syntax;
  if (!file.check.empty()) out["check"] = file.check;
  out["args"] = Json::array();
  for (const ArgLine& line : file.args) {
    for (auto& arg : args_json(line))
      out["args"].push_back(std::move(arg));
  }
  out["stages"] = Json::array();
  for (const Stage& stage : file.stages) {
    const ResolvedStage& facts = resolved.stages[stage.index];
    Json json{{"index", stage.index}, {"name", stage.name}};
    switch (facts.base.kind) {
      case BaseKind::scratch:
        json["base"] = {{"kind", "scratch"}};
        break;
      case BaseKind::stage:
        json["base"] = {{"kind", "stage"}, {"stage", facts.base.stage}};
        break;
      case BaseKind::image:
        json["base"] = {{"kind", "image"}, {"image", facts.base.image}};
        break;
      case BaseKind::context:
        json["base"] = {{"kind", "context"}, {"name", facts.base.image}};
        break;
    }
    json["needs"] = facts.needs;
    json["from"] = instruction_json(stage.from);
    json["instructions"] = Json::array();
    for (const Instruction& instruction : stage.instructions)
      json["instructions"].push_back(instruction_json(instruction));
    out["stages"].push_back(std::move(json));
  }
  out["target"] = resolved.target;
  out["order"] = resolved.order;
  out["warnings"] = Json::array();
  for (const Warning& warning : file.warnings)
    out["warnings"].push_back({{"line", warning.place.line},
                               {"column", warning.place.column},
                               {"rule", warning.rule},
                               {"text", warning.text}});
  return dump_json(out, 2);
}

Result<std::string> dockerignore_json(std::string_view text, std::string_view name,
                                      const std::vector<std::string>& paths) {
  SCANGATE_TRY(auto rules, IgnoreRules::parse(text, name));
  Json out = Json::array();
  for (const std::string& path : paths) {
    std::string clean = clean_path(path);
    if (clean.size() > 1 && clean[0] == '/') clean.erase(0, 1);
    const int rule = rules.deciding_rule(clean);
    out.push_back({{"path", path},
                   {"ignored", rules.ignored(clean)},
                   {"rule", rule < 0 ? Json() : Json(rules.patterns()[static_cast<std::size_t>(rule)])}});
  }
  return dump_json(out, 2);
}

std::string expand_json(std::string_view lines, char escape) {
  std::string out;
  for (const std::string& line : split(lines, '\n')) {
    if (line.empty()) continue;
    auto fields = split(line, '\t');
    const std::string word = std::move(fields.back());
    fields.pop_back();
    Variables variables;
    for (const std::string& field : fields) {
      const std::size_t equals = field.find('=');
      if (equals != std::string::npos) variables[field.substr(0, equals)] = field.substr(equals + 1);
    }
    const Lookup lookup = [&](std::string_view wanted) -> std::optional<std::string> {
      const auto found = variables.find(wanted);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    };
    auto result = expand_word(word, lookup, escape);
    Json json{{"word", word}};
    if (result)
      json["result"] = *result;
    else
      json["error"] = result.error().cause();
    out += dump_json(json) + "\n";
  }
  return out;
}

}  // namespace scangate::dockerfile
