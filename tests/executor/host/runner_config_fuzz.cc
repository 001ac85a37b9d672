// config.toml: whatever it holds, a change is refused or leaves a file in which a second one changes nothing.
#include <cstdlib>

#include "executor/host/runner_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ExecutorEntry entry{.program = "/usr/bin/scangate", .builds_dir = "/b", .cache_dir = "/c"};
  const auto tried = [&](const RunnerChoice& choice) {
    const auto once = register_runner(text, "config.toml", entry, choice);
    if (!once) {
      // Fault::host is the editor's own check of what it made.
      if (once.error().fault() != Fault::user) std::abort();
      return;
    }
    const auto twice = register_runner(once->text, "config.toml", entry, choice);
    if (!twice || twice->change != RegisterChange::unchanged || twice->text != once->text) std::abort();
  };
  tried({.token = "glrt-x", .url = "https://gitlab.example", .name = "x"});
  tried({.runner = "a"});
  return 0;
}
