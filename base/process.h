#pragma once
// Running other programs: never through a shell, never with descriptors they were not given.
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"

namespace scangate {

enum class Group { same, own };  // own: a process group of its own, so that the whole of it can be signalled

struct Command {
  std::vector<std::string> argv;         // argv[0] is looked up on PATH of `environment` unless it has a slash
  std::vector<std::string> environment;  // "NAME=value", complete: nothing is inherited
  std::optional<std::filesystem::path> directory;
  std::optional<std::string> input;  // fed to stdin; when absent stdin is `stdin_fd` or /dev/null
  int stdin_fd = -1;
  int stdout_fd = -1;                        // -1: given to on_output
  int stderr_fd = -1;                        // -1: given to on_output
  std::vector<std::pair<int, int>> inherit;  // further {ours, theirs} descriptors; theirs >= 3
  Group group = Group::own;
  std::chrono::milliseconds kill_after{2000};        // between SIGTERM and SIGKILL on cancel
  std::optional<std::chrono::milliseconds> timeout;  // then as on cancel, and the Error says so
  // For the sandbox. CLONE_NEW* of the namespaces the program starts in, and what the child does in them before it
  // becomes the program: async-signal-safe calls only; gives 0, or the errno value that ends the start.
  int namespaces = 0;
  std::function<int()> before_exec;
  std::function<void(int pid)> started;  // called once it has become the program, before anything of it is read
  bool dies_with_us = false;  // SIGKILL when the thread that called run() ends
};

enum class Stream { out, err };

struct Exit {
  int code = 0;    // when signal == 0
  int signal = 0;  // the signal that ended it
  // As a shell tells it: code, or 128 + signal.
  int shell_code() const { return signal == 0 ? code : 128 + signal; }
};

// Runs programs and waits for them. Thread-safe. Errors: Fault::host when it cannot be started (the name is in the
// text), timed out or was cancelled; a non-zero exit is a result.
class ProcessRunner {
 public:
  using OnOutput = std::function<void(Stream, std::string_view)>;
  virtual ~ProcessRunner() = default;
  virtual Result<Exit> run(const Command& command, const Cancel& cancel, const OnOutput& on_output) = 0;
};

class SystemProcessRunner final : public ProcessRunner {
 public:
  Result<Exit> run(const Command& command, const Cancel& cancel, const OnOutput& on_output) override;
};

// The program's absolute path as PATH says (`path` as in the environment variable), nullopt when there is none.
std::optional<std::string> find_program(std::string_view name, std::string_view path);

// The current environment as "NAME=value" strings.
std::vector<std::string> current_environment();

}  // namespace scangate
