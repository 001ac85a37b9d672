#pragma once
// Shell completions from a description of the command line, so that they say what the program takes.
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate {

struct CompletionOption {
  enum class Value { none, word, file, folder };
  std::vector<std::string> flags;  // "-f", "--file"
  Value value = Value::none;
  std::vector<std::string> choices;
  std::string help;  // one line
};

struct CompletionCommand {
  std::string name;
  std::string help;
  std::vector<CompletionOption> options;
  std::vector<CompletionCommand> commands;
  bool takes_files = false;  // some argument is a file or folder
};

// A script for "bash", "zsh" or "fish". The root's options are offered everywhere. Errors: Fault::user for another
// shell.
Result<std::string> completion_script(std::string_view shell, const CompletionCommand& root);

}  // namespace scangate
