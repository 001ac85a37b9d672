#include "pipeline/plan/script.h"

#include <array>
#include <map>

#include "base/text.h"
#include "pipeline/command/shell_words.h"

namespace scangate::plan {
namespace {

using command::Joiner;
using command::SimpleCommand;
using command::Word;
using command::WordPart;

// A name longer than this is no image's; assignments that double each other stop growing here and become undecided.
constexpr std::size_t kMaxTextBytes = 8192;
// Arguments a variable may be split into.
constexpr std::size_t kMaxFields = 1000;
// `sh -c` within `sh -c`.
constexpr int kMaxShells = 3;

std::string undecided(std::string_view source) {
  std::string out(1, kUndecidedBegin);
  for (const char c : source)
    if (c != kUndecidedBegin && c != kUndecidedEnd) out += c;
  return out + kUndecidedEnd;
}

std::string without_marks(std::string_view text) {
  std::string out(text);
  std::erase_if(out, [](char c) { return c == kUndecidedBegin || c == kUndecidedEnd; });
  return out;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}

// One script text made of lines that know their places.
struct Source {
  std::string text;
  // Line of the text (from 1) where each script line begins.
  std::vector<std::pair<int, const ci::ScriptLine*>> starts;
};

Source join(const std::vector<const std::vector<ci::ScriptLine>*>& parts) {
  Source source;
  int line = 1;
  for (const auto* lines : parts) {
    for (const ci::ScriptLine& one : *lines) {
      source.starts.emplace_back(line, &one);
      source.text += one.text;
      source.text += '\n';
      line += static_cast<int>(std::count(one.text.begin(), one.text.end(), '\n')) + 1;
    }
  }
  return source;
}

class Reader {
 public:
  Reader(const ci::Job& job, std::vector<Note>& notes) : job_(job), notes_(notes) {}

  void read(const Source& source) {
    // The runner gives the shell one script, so an `if` may begin in one line of the list and end in another.
    if (auto script = command::parse_shell(source.text)) {
      walk(*script, source, 0);
      return;
    }
    for (const auto& [line, one] : source.starts) {
      const std::vector<ci::ScriptLine> alone = {*one};
      const Source part = join({&alone});
      auto script = command::parse_shell(part.text);
      if (!script) {
        notes_.push_back({one->place, "cannot be read as shell: " + script.error().cause()});
        continue;
      }
      walk(*script, part, 0);
    }
  }

  // A new shell begins, as for after_script.
  void forget() { shell_.clear(); }

  std::vector<Command> take() { return std::move(commands_); }

 private:
  void walk(const command::ShellScript& script, const Source& source, int shells) {
    for (const SimpleCommand& simple : script.commands) {
      const bool may_not_run = simple.conditional || !simple.function.empty();
      if (simple.words.empty()) {
        for (const auto& assignment : simple.assignments)
          assign(assignment.name, assignment.append ? undecided("$" + assignment.name) : text_of(assignment.value),
                 may_not_run, simple.subshell);
        continue;
      }
      Command out;
      out.place = place_of(source, simple);
      out.conditional = may_not_run;
      out.text = one_line(std::string_view(source.text).substr(simple.begin, simple.end - simple.begin));
      for (const Word& word : simple.words)
        add_fields(word, out.arguments);
      if (out.arguments.empty()) continue;
      strip_prefixes(out.arguments);
      if (out.arguments.empty()) continue;
      if (builtin(out, simple)) continue;
      if (shells < kMaxShells && nested_shell(out, shells)) continue;
      commands_.push_back(std::move(out));
    }
  }

  static std::string one_line(std::string_view text) {
    std::string out;
    bool blank = false;
    for (const char c : text) {
      if (is_blank(c) || c == '\\') {
        if (c == '\\') {
          out += blank && !out.empty() ? " \\" : "\\";
          blank = false;
        } else {
          blank = true;
          if (out.ends_with('\\')) out.pop_back();
        }
        continue;
      }
      if (blank && !out.empty() && !out.ends_with(' ')) out += ' ';
      blank = false;
      out += c;
    }
    return out;
  }

  static ci::Place place_of(const Source& source, const SimpleCommand& simple) {
    const ci::ScriptLine* line = nullptr;
    int begins = 1;
    for (const auto& [start, one] : source.starts) {
      if (start > simple.line) break;
      begins = start;
      line = one;
    }
    if (line == nullptr) return {};
    ci::Place place = line->place;
    const int below = simple.line - begins;
    // A block scalar's mark is at its `|`; the text begins in the line after it.
    if (line->text.find('\n') != std::string::npos) place.line += 1 + below;
    return place;
  }

  // What `$name` stands for, marked.
  std::string variable(const WordPart& part) const {
    const auto otherwise = [&](const std::string& value) {
      return part.otherwise && part.otherwise_if_empty && value.empty() ? *part.otherwise : value;
    };
    if (const auto found = shell_.find(part.text); found != shell_.end()) return otherwise(found->second);
    const ci::Variable* known = job_.variables.find(part.text);
    // Set outside, perhaps: a secret, or something the runner or image brings along.
    if (known == nullptr) return undecided("$" + part.text);
    if (known->unknown.empty()) return otherwise(without_marks(known->value));
    std::string out;
    for (const ci::TextPart& piece : job_.variables.expand_parts("$" + part.text))
      out += piece.known ? without_marks(piece.text) : undecided("$" + piece.text);
    return out;
  }

  std::string text_of(const Word& word) const {
    std::string out;
    for (const WordPart& part : word.parts) {
      if (part.kind == WordPart::Kind::literal)
        out += without_marks(part.text);
      else
        out += part.kind == WordPart::Kind::variable ? variable(part) : undecided(part.text);
      if (out.size() > kMaxTextBytes) return undecided(word.display().substr(0, 80));
    }
    return out;
  }

  // A word as the arguments it becomes: unquoted values are split at blanks (2.6.5, IFS at its default).
  void add_fields(const Word& word, std::vector<Argument>& arguments) const {
    const bool quoted = word.was_quoted;
    std::string current;
    bool has_text = quoted;
    std::size_t fields = 0;
    const auto flush = [&] {
      if (!has_text || ++fields > kMaxFields) return;
      arguments.push_back({std::move(current), false});
      current.clear();
      has_text = false;
    };
    for (const WordPart& part : word.parts) {
      if (part.kind == WordPart::Kind::literal || part.quoted) {
        current += part.kind == WordPart::Kind::literal
                       ? without_marks(part.text)
                       : (part.kind == WordPart::Kind::variable ? variable(part) : undecided(part.text));
        has_text = true;
      } else {
        const std::string value = part.kind == WordPart::Kind::variable ? variable(part) : undecided(part.text);
        bool inside = false;
        for (const char c : value) {
          inside = c == kUndecidedBegin || (inside && c != kUndecidedEnd);
          if (is_blank(c) && !inside) {
            flush();
            continue;
          }
          current += c;
          has_text = true;
        }
      }
      if (current.size() > kMaxTextBytes) {
        current = undecided(word.display().substr(0, 80));
        break;
      }
    }
    const bool whole = fields == 0 && !quoted && word.parts.size() == 1 &&
                       word.parts[0].kind != WordPart::Kind::literal && current.size() > 1 &&
                       current.front() == kUndecidedBegin && current.find(kUndecidedEnd) == current.size() - 1;
    const std::size_t before = arguments.size();
    flush();
    if (whole && arguments.size() > before) arguments.back().any_number = true;
  }

  void assign(const std::string& name, std::string value, bool may_not_run, bool subshell) {
    if (subshell) return;
    if (may_not_run || value.size() > kMaxTextBytes) value = undecided("$" + name);
    shell_[name] = std::move(value);
  }

  // `sudo docker …`, `time docker …`, `env A=b docker …`, `exec docker …`
  static void strip_prefixes(std::vector<Argument>& arguments) {
    // More than a few prefixes is no command anyone writes.
    for (int i = 0; i < 5 && !arguments.empty(); ++i) {
      const std::string& first = arguments[0].marked;
      if (first == "sudo" || first == "env") {
        arguments.erase(arguments.begin());
        while (!arguments.empty() &&
               (arguments[0].marked.starts_with('-') ||
                (arguments[0].marked.find('=') != std::string::npos && !arguments[0].marked.starts_with('/'))))
          arguments.erase(arguments.begin());
      } else if (first == "time" || first == "exec" || first == "command" || first == "nohup") {
        if (arguments.size() > 1 && arguments[1].marked.starts_with('-')) return;  // `command -v docker`
        arguments.erase(arguments.begin());
      } else if (first == "timeout" && arguments.size() > 2 && !arguments[1].marked.starts_with('-')) {
        arguments.erase(arguments.begin(), arguments.begin() + 2);
      } else {
        return;
      }
    }
  }

  // Builtins that set variables.
  bool builtin(const Command& command, const SimpleCommand& simple) {
    const std::string& program = command.arguments[0].marked;
    if (program == "export" || program == "readonly" || program == "local" || program == "declare" ||
        program == "typeset") {
      for (std::size_t i = 1; i < command.arguments.size(); ++i) {
        const std::string& argument = command.arguments[i].marked;
        const std::size_t equals = argument.find('=');
        if (equals == std::string::npos || argument.starts_with('-') || argument.find(kUndecidedBegin) < equals)
          continue;
        assign(argument.substr(0, equals), argument.substr(equals + 1), command.conditional, simple.subshell);
      }
      return true;
    }
    if (program == "unset" || program == "read") {
      for (std::size_t i = 1; i < command.arguments.size(); ++i) {
        const std::string& name = command.arguments[i].marked;
        if (name.empty() || name.starts_with('-')) continue;
        const bool certain = program == "unset" && !command.conditional;
        assign(name, certain ? "" : undecided("$" + without_marks(name)), false, simple.subshell);
      }
      return true;
    }
    if (program == "source" || program == ".") {
      notes_.push_back({command.place, "variables that this file sets are decided at run time"});
      return true;
    }
    return false;
  }

  // `sh -c "docker push …"`
  bool nested_shell(const Command& command, int shells) {
    const std::string& program = command.arguments[0].marked;
    const std::string base = program.substr(program.rfind('/') + 1);
    if (base != "sh" && base != "bash" && base != "ash" && base != "dash" && base != "eval") return false;
    std::string text;
    if (base == "eval") {
      for (std::size_t i = 1; i < command.arguments.size(); ++i)
        text += command.arguments[i].marked + " ";
    } else {
      std::size_t i = 1;
      while (i < command.arguments.size() && command.arguments[i].marked.starts_with('-') &&
             command.arguments[i].marked.find('c') == std::string::npos)
        ++i;
      if (i + 1 >= command.arguments.size() || !command.arguments[i].marked.starts_with('-')) return false;
      text = command.arguments[i + 1].marked;
    }
    // What is undecided may hold anything, also commands: shown as it is, and read as one word.
    std::string script;
    for (const char c : text)
      script += c == kUndecidedBegin || c == kUndecidedEnd ? '_' : c;
    if (script != text) {
      notes_.push_back({command.place, "parts of this script are decided at run time"});
      return true;
    }
    auto parsed = command::parse_shell(script);
    if (!parsed) {
      notes_.push_back({command.place, "cannot be read as shell: " + parsed.error().cause()});
      return true;
    }
    const ci::ScriptLine line{script, command.place};
    Source source;
    source.text = script;
    source.starts.emplace_back(1, &line);
    const std::size_t before = commands_.size();
    walk(*parsed, source, shells + 1);
    for (std::size_t i = before; i < commands_.size(); ++i) {
      commands_[i].place = command.place;
      commands_[i].conditional = commands_[i].conditional || command.conditional;
    }
    return true;
  }

  const ci::Job& job_;
  std::vector<Note>& notes_;
  // Variables the script set, marked.
  std::map<std::string, std::string, std::less<>> shell_;
  std::vector<Command> commands_;
};

}  // namespace

Name to_name(const std::string& marked) {
  Name name;
  name.decided = marked.find(kUndecidedBegin) == std::string::npos;
  for (std::size_t i = 0; i < marked.size(); ++i) {
    if (marked[i] == kUndecidedEnd) continue;
    if (marked[i] != kUndecidedBegin) {
      name.text += marked[i];
      continue;
    }
    // "$A" before "_x" needs braces to be read right.
    const std::size_t end = std::min(marked.find(kUndecidedEnd, i), marked.size());
    const std::string source = marked.substr(i + 1, end - i - 1);
    const bool plain = source.starts_with('$') &&
                       source.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_", 1) ==
                           std::string::npos;
    const char next = end + 1 < marked.size() ? marked[end + 1] : '\0';
    const bool goes_on =
        next == '_' || (next >= '0' && next <= '9') || (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z');
    name.text += plain && goes_on ? "${" + source.substr(1) + "}" : source;
    i = end;
  }
  return name;
}

std::vector<Command> commands_of(const ci::Job& job, std::vector<Note>& notes) {
  Reader reader(job, notes);
  reader.read(join({&job.before_script, &job.script}));
  if (!job.after_script.empty()) {
    reader.forget();
    reader.read(join({&job.after_script}));
  }
  return reader.take();
}

}  // namespace scangate::plan
