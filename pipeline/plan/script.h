#pragma once
// A job's script as the commands it would run, with the job's variables put in as far as they are known.
#include <optional>
#include <string>
#include <vector>

#include "pipeline/ci/pipeline.h"
#include "pipeline/plan/plan.h"

namespace scangate::plan {

// An argument with what is undecided marked inside, so that it can pass through the parser of a program's command line
// and be told apart again afterwards. The marks are control characters, which no name of an image may have.
inline constexpr char kUndecidedBegin = '\x01';
inline constexpr char kUndecidedEnd = '\x02';
Name to_name(const std::string& marked);

struct Argument {
  std::string marked;
  // Nothing but an unquoted variable or substitution: may turn out as no argument, or as several.
  bool any_number = false;
};

struct Command {
  std::vector<Argument> arguments;  // with the program
  ci::Place place;
  std::string text;  // as written, on one line
  bool conditional = false;
};

// before_script, script and after_script. What cannot be parsed becomes a note.
std::vector<Command> commands_of(const ci::Job& job, std::vector<Note>& notes);

}  // namespace scangate::plan
