#include "executor/host/runner_config.h"

#include <algorithm>

#include "base/text.h"
#include "executor/host/toml.h"

namespace scangate {
namespace {

struct Runner {
  const toml::Table* main = nullptr;
  const toml::Table* custom = nullptr;
  std::size_t end = 0;  // behind the last entry of its last table

  std::string text(std::string_view key) const { return text_of(main, key); }
  static std::string text_of(const toml::Table* table, std::string_view key) {
    const toml::Entry* entry = table != nullptr ? table->find(key) : nullptr;
    return entry != nullptr && entry->value.kind == toml::Value::Kind::text ? entry->value.text : std::string();
  }
};

Result<std::vector<Runner>> runners_of(const toml::Document& document, std::string_view place) {
  const auto refuse = [&](int line, std::string cause) {
    return fail(Error(Fault::user, std::move(cause))
                    .at(fmt::format("{}:{}", place, line))
                    .remedy("write runners as [[runners]] with [runners.custom] below"));
  };
  std::vector<Runner> out;
  for (const auto& table : document.tables) {
    if (table.kind == toml::Table::Kind::root) {
      for (const auto& entry : table.entries)
        if (entry.key.front() == "runners") return refuse(entry.line, "'runners' is written as a value");
      continue;
    }
    if (table.path.front() != "runners") continue;
    if (table.path.size() == 1) {
      if (table.kind != toml::Table::Kind::element) return refuse(table.line, "[runners] is one table");
      for (const auto& entry : table.entries)
        if (entry.key.front() == "custom") return refuse(entry.line, "'custom' is written as a value or with dots");
      out.push_back({.main = &table, .end = table.end()});
      continue;
    }
    if (out.empty()) return refuse(table.line, "a table of a runner stands before the first [[runners]]");
    out.back().end = table.end();
    if (table.path.size() == 2 && table.path[1] == "custom") {
      if (table.kind != toml::Table::Kind::table) return refuse(table.line, "[[runners.custom]] is an array");
      out.back().custom = &table;
    }
  }
  return out;
}

bool is_ours(std::string_view program) {
  return program.substr(program.rfind('/') + 1) == "scangate";
}

// Changes of a text, each at its place, applied together.
class Edits {
 public:
  void replace(toml::Span span, std::string text) { edits_.push_back({span, std::move(text)}); }
  void insert(std::size_t at, std::string text) { edits_.push_back({{at, at}, std::move(text)}); }
  bool empty() const { return edits_.empty(); }
  std::string apply(std::string_view text) {
    std::stable_sort(edits_.begin(), edits_.end(),
                     [](const Edit& a, const Edit& b) { return a.span.begin < b.span.begin; });
    std::string out;
    std::size_t at = 0;
    for (const auto& edit : edits_) {
      out += text.substr(at, edit.span.begin - at);
      out += edit.text;
      at = edit.span.end;
    }
    return out + std::string(text.substr(at));
  }

 private:
  struct Edit {
    toml::Span span;
    std::string text;
  };
  std::vector<Edit> edits_;
};

struct Setting {
  std::string key;
  std::string text;  // or, when `texts` has a value, those
  std::optional<std::vector<std::string>> texts;
  bool only_when_missing = false;

  std::string written() const { return texts ? toml::basic_string(*texts) : toml::basic_string(text); }
  bool stands_in(const toml::Value& value) const {
    return texts ? value.kind == toml::Value::Kind::texts && value.texts == *texts
                 : value.kind == toml::Value::Kind::text && value.text == text;
  }
};

std::vector<Setting> main_settings(const ExecutorEntry& entry, const RunnerChoice& choice) {
  std::vector<Setting> out;
  if (!choice.name.empty()) out.push_back({.key = "name", .text = choice.name});
  if (!choice.url.empty()) out.push_back({.key = "url", .text = choice.url});
  if (!choice.token.empty()) out.push_back({.key = "token", .text = choice.token});
  out.push_back({.key = "executor", .text = "custom"});
  out.push_back({.key = "builds_dir", .text = entry.builds_dir, .only_when_missing = true});
  out.push_back({.key = "cache_dir", .text = entry.cache_dir, .only_when_missing = true});
  out.push_back({.key = "shell", .text = "bash"});
  return out;
}

std::vector<Setting> custom_settings(const ExecutorEntry& entry) {
  std::vector<Setting> out;
  for (const std::string stage : {"config", "prepare", "run", "cleanup"}) {
    std::vector<std::string> words = entry.global_words;
    words.insert(words.end(), {"executor", stage});
    out.push_back({.key = stage + "_exec", .text = entry.program});
    out.push_back({.key = stage + "_args", .texts = words});
  }
  return out;
}

std::string indent_at(std::string_view text, std::size_t line_begin) {
  std::size_t end = line_begin;
  while (end < text.size() && (text[end] == ' ' || text[end] == '\t'))
    ++end;
  return std::string(text.substr(line_begin, end - line_begin));
}

std::string lines_of(const std::vector<Setting>& settings, const std::string& indent, const std::string& newline) {
  std::string out;
  for (const auto& setting : settings)
    out += fmt::format("{}{} = {}{}", indent, setting.key, setting.written(), newline);
  return out;
}

// Brings the settings into a table that is there.
Result<void> put_settings(const toml::Table& table, const std::vector<Setting>& settings, std::string_view text,
                          const std::string& newline, std::string_view place, Edits& edits) {
  std::string indent = indent_at(text, table.header.begin) + "  ";
  if (!table.entries.empty()) indent = indent_at(text, table.entries.back().lines.begin);
  std::vector<Setting> missing;
  for (const auto& setting : settings) {
    for (const auto& entry : table.entries)
      if (entry.key.size() > 1 && entry.key.front() == setting.key)
        return fail(Error(Fault::user, fmt::format("'{}' is written with dots", setting.key))
                        .at(fmt::format("{}:{}", place, entry.line)));
    const toml::Entry* entry = table.find(setting.key);
    if (entry == nullptr)
      missing.push_back(setting);
    else if (!setting.only_when_missing && !setting.stands_in(entry->value))
      edits.replace(entry->value.span, setting.written());
  }
  if (!missing.empty()) edits.insert(table.end(), lines_of(missing, indent, newline));
  return {};
}

std::string names_of(const std::vector<Runner>& runners) {
  std::vector<std::string> names;
  for (const auto& runner : runners)
    names.push_back("'" + printable(runner.text("name")) + "'");
  return names.empty() ? "the file has no runner" : fmt::format("the file has {}", fmt::join(names, ", "));
}

Error ambiguous(std::string_view place, const std::string& what) {
  return Error(Fault::user, what).at(std::string(place)).remedy("give each runner a name of its own in the file");
}

// Registration tokens, as handed out before GitLab 16, are exchanged for an authentication token by the server; the
// file wants the latter.
constexpr std::string_view kRegistrationTokenPrefix = "GR1348941";

Result<void> check_choice(const RunnerChoice& choice) {
  if (choice.token.starts_with(kRegistrationTokenPrefix))
    return fail(Error(Fault::user, "this is a registration token, not a runner's authentication token")
                    .remedy("create the runner in GitLab and give its glrt-… token, or run 'gitlab-runner register' "
                            "and then 'scangate register --runner NAME'"));
  for (const char c : choice.token)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F)
      return fail(Fault::user, "the token holds a character that no token has");
  if (!choice.url.empty() && !choice.url.starts_with("https://") && !choice.url.starts_with("http://"))
    return fail(Error(Fault::user, fmt::format("'{}' is no address of a GitLab server", redact(choice.url)))
                    .remedy("it starts with https://"));
  if (!is_utf8(choice.name)) return fail(Fault::user, "the runner's name is not UTF-8");
  return {};
}

// The runner in the file that is meant; nullopt: a new one.
Result<std::optional<std::size_t>> choose(const std::vector<Runner>& runners, const RunnerChoice& choice,
                                          std::string_view place) {
  const auto all = [&](const auto& wanted) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < runners.size(); ++i)
      if (wanted(runners[i])) found.push_back(i);
    return found;
  };
  if (!choice.runner.empty()) {
    const auto found = all([&](const Runner& runner) { return runner.text("name") == choice.runner; });
    if (found.empty())
      return fail(Error(Fault::user, fmt::format("no runner '{}'", printable(choice.runner)))
                      .at(std::string(place))
                      .remedy(names_of(runners)));
    if (found.size() > 1)
      return fail(ambiguous(place, fmt::format("{} runners are called '{}'", found.size(), printable(choice.runner))));
    return found.front();
  }
  if (!choice.token.empty()) {
    auto found = all([&](const Runner& runner) { return runner.text("token") == choice.token; });
    // The same runner with a new token: GitLab lets them be rotated. Another executor's runner may have the name by
    // chance, as gitlab-runner too names them after the host.
    if (found.empty() && !choice.name.empty() && !choice.url.empty())
      found = all([&](const Runner& runner) {
        return runner.text("name") == choice.name && runner.text("url") == choice.url &&
               is_ours(Runner::text_of(runner.custom, "run_exec"));
      });
    if (found.size() > 1)
      return fail(ambiguous(place, fmt::format("{} runners have this token or name", found.size())));
    if (!found.empty()) return found.front();
    if (choice.url.empty())
      return fail(Error(Fault::user, "a new runner needs the address of its GitLab server")
                      .remedy("add --url https://gitlab.example"));
    return std::nullopt;
  }
  const auto found = all([&](const Runner& runner) { return is_ours(Runner::text_of(runner.custom, "run_exec")); });
  if (found.size() == 1) return found.front();
  return fail(
      Error(Fault::user,
            found.empty() ? "no runner calls scangate yet" : fmt::format("{} runners call scangate", found.size()))
          .at(std::string(place))
          .remedy(fmt::format("add --token and --url of a new runner, or --runner NAME; {}", names_of(runners))));
}

std::string shown_section(const Runner& runner, const std::vector<Setting>& main, const std::vector<Setting>& custom) {
  std::string out = "[[runners]]\n";
  for (const std::string key : {"name", "url"})
    if (runner.main->find(key) != nullptr) out += fmt::format("  {} = {}\n", key, toml::basic_string(runner.text(key)));
  if (runner.main->find("token") != nullptr) out += "  token = \"***\"\n";
  for (const auto& setting : main)
    if (setting.key != "name" && setting.key != "url" && setting.key != "token")
      out += fmt::format("  {} = {}\n", setting.key, toml::basic_string(runner.text(setting.key)));
  return out + "  [runners.custom]\n" + lines_of(custom, "    ", "\n");
}

// What was written is read again: a mistake of the editor must not reach the file.
Result<std::string> verified_section(const std::string& text, std::string_view place, std::size_t index,
                                     const std::vector<Setting>& main, const std::vector<Setting>& custom) {
  SCANGATE_TRY(const auto document, toml::read(text, place));
  SCANGATE_TRY(const auto runners, runners_of(document, place));
  const auto holds = [](const toml::Table* table, const std::vector<Setting>& settings) {
    return table != nullptr && std::all_of(settings.begin(), settings.end(), [&](const Setting& setting) {
             const toml::Entry* entry = table->find(setting.key);
             return entry != nullptr && (setting.only_when_missing || setting.stands_in(entry->value));
           });
  };
  if (index >= runners.size() || !holds(runners[index].main, main) || !holds(runners[index].custom, custom))
    return fail(Error(Fault::host, "the changed file would not say what it should; nothing was written")
                    .at(std::string(place)));
  return shown_section(runners[index], main, custom);
}

}  // namespace

bool ConfiguredRunner::calls_scangate() const {
  const auto size = run_args.size();
  return is_ours(run_exec) && size >= 2 && run_args[size - 2] == "executor" && run_args[size - 1] == "run";
}

Result<RegisteredConfig> register_runner(std::string_view config, std::string_view place, const ExecutorEntry& entry,
                                         const RunnerChoice& choice) {
  SCANGATE_CHECK(check_choice(choice));
  // Every edit then stands on a line of its own.
  std::string text(config);
  SCANGATE_TRY(auto document, toml::read(text, place));
  if (!text.empty() && !text.ends_with('\n')) {
    text += document.newline;
    SCANGATE_TRY(document, toml::read(text, place));
  }
  SCANGATE_TRY(const auto runners, runners_of(document, place));
  SCANGATE_TRY(const auto chosen, choose(runners, choice, place));

  const auto main = main_settings(entry, choice);
  const auto custom = custom_settings(entry);
  const std::string& newline = document.newline;
  Edits edits;
  if (chosen) {
    const Runner& runner = runners[*chosen];
    SCANGATE_CHECK(put_settings(*runner.main, main, text, newline, place, edits));
    if (runner.custom != nullptr) {
      SCANGATE_CHECK(put_settings(*runner.custom, custom, text, newline, place, edits));
    } else {
      const std::string indent =
          runner.main->entries.empty() ? "  " : indent_at(text, runner.main->entries.back().lines.begin);
      edits.insert(runner.end, indent + "[runners.custom]" + newline + lines_of(custom, indent + "  ", newline));
    }
  } else {
    edits.insert(text.size(), (text.empty() ? "" : newline) + "[[runners]]" + newline + lines_of(main, "  ", newline) +
                                  "  [runners.custom]" + newline + lines_of(custom, "    ", newline));
  }
  RegisteredConfig out;
  out.text = edits.empty() ? std::string(config) : edits.apply(text);
  out.change = edits.empty() ? RegisterChange::unchanged : chosen ? RegisterChange::updated : RegisterChange::added;
  out.name = chosen && choice.name.empty() ? runners[*chosen].text("name") : choice.name;
  SCANGATE_TRY(out.section, verified_section(out.text, place, chosen.value_or(runners.size()), main, custom));
  return out;
}

Result<std::vector<ConfiguredRunner>> configured_runners(std::string_view config, std::string_view place) {
  SCANGATE_TRY(const auto document, toml::read(config, place));
  SCANGATE_TRY(const auto runners, runners_of(document, place));
  std::vector<ConfiguredRunner> out;
  for (const auto& runner : runners) {
    ConfiguredRunner one{.name = runner.text("name"),
                         .executor = runner.text("executor"),
                         .run_exec = Runner::text_of(runner.custom, "run_exec"),
                         .line = runner.main->line};
    if (runner.custom != nullptr)
      if (const toml::Entry* words = runner.custom->find("run_args")) one.run_args = words->value.texts;
    out.push_back(std::move(one));
  }
  return out;
}

std::optional<std::filesystem::path> default_runner_config(bool as_root, const std::optional<std::string>& home) {
  if (as_root) return "/etc/gitlab-runner/config.toml";
  if (!home) return std::nullopt;
  return std::filesystem::path(*home) / ".gitlab-runner/config.toml";
}

}  // namespace scangate
