#include <cstdint>

#include "pipeline/command/shell_words.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto script = scangate::command::parse_shell({reinterpret_cast<const char*>(data), size});
  if (!script) return 0;
  for (const auto& command : script->commands) {
    for (const auto& word : command.words)
      static_cast<void>(word.display());
    if (command.begin > command.end || command.end > size) __builtin_trap();
  }
  return 0;
}
