#pragma once
// Script text of a POSIX shell or bash as simple commands with their words. It does not run or judge anything: it shows
// which commands a script names, with what can be read of their arguments. What only a running shell can know (the
// output of a command, arithmetic) is kept as it is written and marked. Globs and ~ stay literal text.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::command {

// Longest script read. GitLab's whole configuration may have 2 MB.
inline constexpr std::size_t kMaxScriptBytes = 4U << 20U;
// Commands and words in one script: bounds memory to about 100 bytes per byte of script.
inline constexpr std::size_t kMaxShellCommands = 20'000;
inline constexpr std::size_t kMaxShellParts = 400'000;
// `$(…)` within `$(…)`, parentheses, braces; the parser recurses.
inline constexpr int kMaxShellNesting = 40;

// A piece of a word.
struct WordPart {
  enum class Kind : std::uint8_t {
    literal,      // `text` is the text, quotes and escapes removed
    variable,     // `text` is the name of `$NAME` or `${NAME}`
    undecidable,  // `text` is the source: $(…), `…`, $((…)), ${NAME#…}, $1, $?
  };
  Kind kind = Kind::literal;
  std::string text;
  // Unquoted variables and substitutions are split at blanks and may be any number of words.
  bool quoted = false;
  // `${NAME:-text}` and `${NAME-text}`: used when NAME is unset (`:` or empty). Literal text only; else undecidable.
  std::optional<std::string> otherwise;
  bool otherwise_if_empty = false;
  bool operator==(const WordPart&) const = default;
};

struct Word {
  std::vector<WordPart> parts;  // adjacent literals of the same quoting are one; an empty word has none
  bool was_quoted = false;      // '' is a word too
  int line = 1;                 // from 1, in the text given
  int column = 1;
  // The text when all of it is literal.
  std::optional<std::string> literal() const;
  // As a person would write it: literals, $NAME, source of what is undecidable.
  std::string display() const;
};

struct Assignment {
  std::string name;
  Word value;
  bool append = false;  // NAME+=value
};

struct Redirection {
  std::string op;  // "<", ">", ">>", "2>", "<<<", "<<" (a heredoc; target is its delimiter), …
  Word target;
};

// How a command stands to the one before it.
enum class Joiner : std::uint8_t { first, sequence, and_if, or_if, pipe, background };
std::string_view name_of(Joiner joiner);

struct SimpleCommand {
  Joiner joiner = Joiner::first;
  std::vector<Assignment> assignments;  // before the command, or the whole of it
  std::vector<Word> words;              // the program and its arguments; empty for bare assignments
  std::vector<Redirection> redirections;
  int line = 1;
  int column = 1;
  // Whether it runs depends on what only the shell knows: in if, case, a loop or a function's body, after ||, or after
  // && behind a test ([, [[, test). `build && push` is not conditional: without the first there is nothing to speak of.
  bool conditional = false;
  // Its variables do not reach the commands after it: in ( ), $( ), a pipe or the background.
  bool subshell = false;
  // The function whose body it is in, empty outside of one.
  std::string function;
  // From its first byte to its last in the text given.
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct ShellScript {
  // In the order they stand; what is in a `$(…)` comes before the command that uses it.
  std::vector<SimpleCommand> commands;
};

// Errors: Fault::user at "LINE:COLUMN" for quotes and parentheses that are not closed, and for what is beyond the
// limits above. A heredoc without its end goes to the end of the text, as in bash. Unknown or wrong use of keywords is
// not an error here.
Result<ShellScript> parse_shell(std::string_view script);

// The view of `scangate debug shell-words`, as JSON text.
std::string debug_json(const ShellScript& script);

}  // namespace scangate::command
