#include "pipeline/ci/variables.h"

#include <functional>

namespace scangate::ci {
namespace {

bool is_name_char(char c, bool first) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

struct Token {
  std::string_view text;  // literal text, or the name
  bool is_name = false;
};

// Calls `visit` for each piece of `text`. `$$` is the literal `$`; a `$` that begins no name is itself.
template <class Visit>
void tokenize(std::string_view text, Visit visit) {
  std::size_t literal = 0;
  std::size_t i = 0;
  const auto flush = [&](std::size_t end) {
    if (end > literal) visit(Token{text.substr(literal, end - literal), false});
  };
  while (i < text.size()) {
    if (text[i] != '$' || i + 1 == text.size()) {
      ++i;
      continue;
    }
    if (text[i + 1] == '$') {
      flush(i + 1);
      i += 2;
      literal = i;
      continue;
    }
    const bool braces = text[i + 1] == '{';
    const std::size_t begin = i + (braces ? 2 : 1);
    std::size_t end = begin;
    while (end < text.size() && is_name_char(text[end], end == begin))
      ++end;
    if (end == begin || (braces && (end == text.size() || text[end] != '}'))) {
      ++i;
      continue;
    }
    flush(i);
    visit(Token{text.substr(begin, end - begin), true});
    i = end + (braces ? 1 : 0);
    literal = i;
  }
  flush(text.size());
}

}  // namespace

std::string_view name_of(VariableOrigin origin) {
  switch (origin) {
    case VariableOrigin::predefined:
      return "predefined";
    case VariableOrigin::global:
      return "global";
    case VariableOrigin::workflow:
      return "workflow";
    case VariableOrigin::job:
      return "job";
    case VariableOrigin::matrix:
      return "matrix";
    case VariableOrigin::rule:
      return "rule";
    case VariableOrigin::project:
      return "project";
    case VariableOrigin::pipeline:
      return "pipeline";
  }
  return "";
}

std::set<std::string> names_in(std::string_view text) {
  std::set<std::string> names;
  tokenize(text, [&](const Token& token) {
    if (token.is_name) names.emplace(token.text);
  });
  return names;
}

void Variables::set(Variable variable) {
  const auto found = variables_.find(variable.name);
  if (found == variables_.end()) {
    std::string name = variable.name;
    variables_.emplace(std::move(name), std::move(variable));
  } else if (found->second.origin <= variable.origin) {
    found->second = std::move(variable);
  }
}

void Variables::set(std::string name, std::string value, VariableOrigin origin) {
  Variable variable;
  variable.name = std::move(name);
  variable.written = value;
  variable.value = std::move(value);
  variable.origin = origin;
  set(std::move(variable));
}

Result<void> Variables::expand_all() {
  enum class Mark : std::uint8_t { open, done, circular };
  std::map<std::string_view, Mark> marks;
  std::size_t total = 0;

  // Depth-first over what each refers to, with our own stack: a chain may be as long as there are variables.
  struct Step {
    Variable* variable;
    std::vector<std::string> names;
    std::size_t next = 0;
  };
  const auto names_of = [](const Variable& variable) {
    std::vector<std::string> names;
    // Predefined values are facts (a commit message may hold a "$"), never templates.
    if (variable.expand && variable.origin != VariableOrigin::predefined)
      for (auto& name : names_in(variable.written))
        names.push_back(name);
    return names;
  };
  for (auto& [name, variable] : variables_) {
    if (marks.contains(name)) continue;
    std::vector<Step> stack;
    stack.push_back({&variable, names_of(variable)});
    marks[name] = Mark::open;
    while (!stack.empty()) {
      Step& step = stack.back();
      if (step.next < step.names.size()) {
        const auto found = variables_.find(step.names[step.next++]);
        if (found == variables_.end()) continue;
        const auto mark = marks.find(found->first);
        if (mark == marks.end()) {
          marks[found->first] = Mark::open;
          stack.push_back({&found->second, names_of(found->second)});
        } else if (mark->second == Mark::open) {
          // Everything on the stack from it upwards is part of the circle.
          for (auto member = stack.rbegin(); member != stack.rend(); ++member) {
            marks[member->variable->name] = Mark::circular;
            if (member->variable == &found->second) break;
          }
        }
        continue;
      }
      Variable& done = *step.variable;
      done.unknown.clear();
      done.value = done.written;
      Mark& mark = marks[done.name];
      if (mark == Mark::open) mark = Mark::done;
      if (mark == Mark::done && done.expand && done.origin != VariableOrigin::predefined) {
        std::string value;
        std::set<std::string> unknown;
        bool too_long = false;
        tokenize(done.written, [&](const Token& token) {
          if (too_long) return;
          if (!token.is_name) {
            value += token.text;
          } else if (const Variable* other = find(token.text); other == nullptr) {
            unknown.emplace(token.text);
          } else {
            value += other->value;
            unknown.insert(other->unknown.begin(), other->unknown.end());
          }
          too_long = value.size() > kMaxVariableBytes;
        });
        if (too_long)
          return fail(error_at(
              done.place, fmt::format("variable '{}' expands to more than {} bytes", done.name, kMaxVariableBytes)));
        done.value = std::move(value);
        done.unknown.assign(unknown.begin(), unknown.end());
      }
      total += done.value.size();
      if (total > kMaxVariablesBytes)
        return fail(error_at(
            done.place, fmt::format("the variables of a job together have more than {} bytes", kMaxVariablesBytes)));
      stack.pop_back();
    }
  }
  return {};
}

const Variable* Variables::find(std::string_view name) const {
  const auto found = variables_.find(name);
  return found == variables_.end() ? nullptr : &found->second;
}

std::vector<TextPart> Variables::expand_parts(std::string_view text) const {
  std::vector<TextPart> parts;
  const auto add_known = [&](std::string_view more) {
    if (more.empty()) return;
    if (parts.empty() || !parts.back().known) parts.push_back({"", true});
    parts.back().text += more;
  };
  // An unknown variable inside a value keeps its name too: expanded again from what was written. Values that double
  // each other would make that exponential, so after this many pieces a value is taken as it is, what is unknown being
  // empty.
  constexpr int kMaxPieces = 2000;
  constexpr int kMaxChain = 20;
  int pieces = 0;
  const std::function<void(std::string_view, int)> add = [&](std::string_view piece, int depth) {
    tokenize(piece, [&](const Token& token) {
      ++pieces;
      if (!token.is_name) {
        add_known(token.text);
        return;
      }
      const Variable* variable = find(token.text);
      if (variable == nullptr) {
        parts.push_back({std::string(token.text), false});
      } else if (variable->unknown.empty() || depth == kMaxChain || pieces > kMaxPieces) {
        add_known(variable->value);
      } else {
        add(variable->written, depth + 1);
      }
    });
  };
  add(text, 0);
  return parts;
}

Result<std::string> Variables::expand(std::string_view text) const {
  std::string out;
  bool too_long = false;
  tokenize(text, [&](const Token& token) {
    if (too_long) return;
    if (!token.is_name)
      out += token.text;
    else if (const Variable* variable = find(token.text))
      out += variable->value;
    too_long = out.size() > kMaxVariablesBytes;
  });
  if (too_long) return fail(Fault::user, fmt::format("expands to more than {} bytes", kMaxVariablesBytes));
  return out;
}

}  // namespace scangate::ci
