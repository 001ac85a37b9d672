#include "executor/host/completion.h"

#include <functional>

namespace scangate {
namespace {

// A command with the words that lead to it: "scangate db import".
struct Place {
  std::string path;
  const CompletionCommand* command = nullptr;
};

std::vector<Place> places_of(const CompletionCommand& root) {
  std::vector<Place> out;
  const std::function<void(const CompletionCommand&, const std::string&)> visit = [&](const CompletionCommand& command,
                                                                                      const std::string& before) {
    const std::string path = before.empty() ? command.name : before + " " + command.name;
    out.push_back({path, &command});
    for (const auto& below : command.commands)
      visit(below, path);
  };
  visit(root, "");
  return out;
}

std::vector<const CompletionOption*> options_at(const Place& place, const CompletionCommand& root) {
  std::vector<const CompletionOption*> out;
  for (const auto& option : place.command->options)
    out.push_back(&option);
  if (place.command != &root)
    for (const auto& option : root.options)
      out.push_back(&option);
  return out;
}

std::string in_single_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string for_fish(std::string_view text) {
  std::string out = "'";
  for (const char c : text)
    out += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return out + "'";
}

// bash and zsh: the case patterns that recognise the words of commands, and the options whose next word is their value.
std::string command_patterns(const std::vector<Place>& places) {
  std::vector<std::string> words;
  for (const auto& place : places)
    if (place.path.find(' ') != std::string::npos) words.push_back(in_single_quotes(place.path));
  return fmt::format("{}", fmt::join(words, "|"));
}

std::string value_patterns(const Place& place, const CompletionOption& option) {
  std::vector<std::string> words;
  for (const auto& flag : option.flags)
    words.push_back(in_single_quotes(place.path + ":" + flag));
  return fmt::format("{}", fmt::join(words, "|"));
}

// The walk over the words typed so far; `array` is the shell's name for them, `from` the index of the first behind the
// program.
std::string walk(const std::vector<Place>& places, const CompletionCommand& root, std::string_view array, int from,
                 std::string_view current) {
  std::vector<std::string> values;
  for (const auto& place : places)
    for (const CompletionOption* option : options_at(place, root))
      if (option->value != CompletionOption::Value::none) values.push_back(value_patterns(place, *option));
  std::string out = fmt::format("  for ((i = {}; i < {}; i++)); do\n    word=${{{}[i]}}\n", from, current, array);
  if (!values.empty())
    out += fmt::format("    case \"$at:$word\" in\n      {}) i=$((i + 1)); continue ;;\n    esac\n",
                       fmt::join(values, "|"));
  if (places.size() > 1)
    out +=
        fmt::format("    case \"$at $word\" in\n      {}) at=\"$at $word\" ;;\n    esac\n", command_patterns(places));
  return out + "  done\n";
}

std::string bash_script(const CompletionCommand& root) {
  const auto places = places_of(root);
  std::string out = fmt::format("# bash completion for {0}; made by '{0} completion bash'\n_{0}() {{\n", root.name);
  out += fmt::format(
      "  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} at={} word words= files= i\n  "
      "COMPREPLY=()\n",
      root.name);
  out += walk(places, root, "COMP_WORDS", 1, "COMP_CWORD");
  out += "  case \"$at:$prev\" in\n";
  for (const auto& place : places)
    for (const CompletionOption* option : options_at(place, root)) {
      if (option->value == CompletionOption::Value::none) continue;
      std::string action = ":";
      if (!option->choices.empty())
        action = fmt::format("COMPREPLY=($(compgen -W {} -- \"$cur\"))",
                             in_single_quotes(fmt::format("{}", fmt::join(option->choices, " "))));
      else if (option->value == CompletionOption::Value::file)
        action = "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")";
      else if (option->value == CompletionOption::Value::folder)
        action = "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")";
      out += fmt::format("    {}) {}; return ;;\n", value_patterns(place, *option), action);
    }
  out += "  esac\n  case \"$at\" in\n";
  for (const auto& place : places) {
    std::vector<std::string> words;
    for (const auto& below : place.command->commands)
      words.push_back(below.name);
    for (const CompletionOption* option : options_at(place, root))
      words.insert(words.end(), option->flags.begin(), option->flags.end());
    out += fmt::format("    {}) words={}{} ;;\n", in_single_quotes(place.path),
                       in_single_quotes(fmt::format("{}", fmt::join(words, " "))),
                       place.command->takes_files ? " files=yes" : "");
  }
  out +=
      "  esac\n  if [[ $files == yes && $cur != -* ]]; then\n    compopt -o filenames 2>/dev/null; mapfile -t "
      "COMPREPLY < <(compgen -f -- \"$cur\")\n";
  out += "  else\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n  fi\n}\n";
  return out + fmt::format("complete -F _{0} {0}\n", root.name);
}

// "word:help" for _describe, in which a colon ends the word.
std::string described(std::string_view word, std::string_view help) {
  return in_single_quotes(fmt::format("{}:{}", word, help));
}

std::string zsh_script(const CompletionCommand& root) {
  const auto places = places_of(root);
  std::string out =
      fmt::format("#compdef {0}\n# zsh completion for {0}; made by '{0} completion zsh'\n_{0}() {{\n", root.name);
  out += fmt::format("  local prev=${{words[CURRENT-1]}} at={} word i\n  local -a below flags\n", root.name);
  out += walk(places, root, "words", 2, "CURRENT");
  out += "  case \"$at:$prev\" in\n";
  for (const auto& place : places)
    for (const CompletionOption* option : options_at(place, root)) {
      if (option->value == CompletionOption::Value::none) continue;
      std::string action = "_message value";
      if (!option->choices.empty())
        action = fmt::format("compadd -- {}", fmt::join(option->choices, " "));
      else if (option->value == CompletionOption::Value::file)
        action = "_files";
      else if (option->value == CompletionOption::Value::folder)
        action = "_files -/";
      out += fmt::format("    {}) {}; return ;;\n", value_patterns(place, *option), action);
    }
  out += "  esac\n  case \"$at\" in\n";
  for (const auto& place : places) {
    std::vector<std::string> commands;
    std::vector<std::string> options;
    for (const auto& below : place.command->commands)
      commands.push_back(described(below.name, below.help));
    for (const CompletionOption* option : options_at(place, root))
      for (const auto& flag : option->flags)
        options.push_back(described(flag, option->help));
    out += fmt::format("    {})\n      below=({})\n      flags=({})\n{}      ;;\n", in_single_quotes(place.path),
                       fmt::join(commands, " "), fmt::join(options, " "),
                       place.command->takes_files ? "      [[ ${words[CURRENT]} == -* ]] || _files\n" : "");
  }
  out +=
      "  esac\n  (( ${#below} )) && _describe command below\n  [[ ${words[CURRENT]} == -* ]] && _describe -o "
      "option options\n}\n";
  return out + fmt::format("_{} \"$@\"\n", root.name);
}

std::string fish_script(const CompletionCommand& root) {
  const auto places = places_of(root);
  std::string out = fmt::format(
      "# fish completion for {0}; made by '{0} completion fish'\nfunction __{0}_at\n  set -l at {0}\n", root.name);
  out += "  set -l words (commandline -opc)\n  for word in $words[2..-1]\n    switch \"$at $word\"\n      case";
  for (const auto& place : places)
    if (place.path.find(' ') != std::string::npos) out += " " + for_fish(place.path);
  out += "\n        set at \"$at $word\"\n    end\n  end\n  test \"$at\" = \"$argv[1]\"\nend\n";
  out += fmt::format("complete -c {} -f\n", root.name);
  for (const auto& place : places) {
    const std::string when = for_fish(fmt::format("__{}_at \"{}\"", root.name, place.path));
    if (place.command->takes_files) out += fmt::format("complete -c {} -n {} -F\n", root.name, when);
    for (const auto& below : place.command->commands)
      out += fmt::format("complete -c {} -n {} -a {} -d {}\n", root.name, when, below.name, for_fish(below.help));
    for (const auto& option : place.command->options) {
      // The root's options have no condition: they may stand anywhere.
      out += fmt::format("complete -c {}", root.name);
      if (place.command != &root) out += " -n " + when;
      for (const auto& flag : option.flags)
        out += flag.starts_with("--") ? " -l " + flag.substr(2) : " -s " + flag.substr(1);
      if (!option.choices.empty())
        out += " -x -a " + for_fish(fmt::format("{}", fmt::join(option.choices, " ")));
      else if (option.value == CompletionOption::Value::file)
        out += " -r -F";
      else if (option.value == CompletionOption::Value::folder)
        out += " -x -a '(__fish_complete_directories)'";
      else if (option.value == CompletionOption::Value::word)
        out += " -x";
      out += " -d " + for_fish(option.help) + "\n";
    }
  }
  return out;
}

}  // namespace

Result<std::string> completion_script(std::string_view shell, const CompletionCommand& root) {
  if (shell == "bash") return bash_script(root);
  if (shell == "zsh") return zsh_script(root);
  if (shell == "fish") return fish_script(root);
  return fail(Error(Fault::user, fmt::format("no completion for '{}'", shell)).remedy("use bash, zsh or fish"));
}

}  // namespace scangate
