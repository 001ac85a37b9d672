#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

extern char** environ;

namespace scangate {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::string_view path_of(const std::vector<std::string>& environment) {
  for (const auto& entry : environment)
    if (entry.starts_with("PATH=")) return std::string_view(entry).substr(5);
  return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

Result<std::pair<UniqueFd, UniqueFd>> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail(host_error("cannot make a pipe", errno));
  return std::pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const auto& s : strings)
    out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

// What the child does between fork and exec: only async-signal-safe calls, everything prepared before.
struct ChildPlan {
  const char* program;
  char* const* argv;
  char* const* environment;
  const char* directory;
  std::vector<std::pair<int, int>> moves;  // {ours, theirs}
  bool own_group;
  int report_fd;
  int our_pid_fd;  // -1, or the process to die with
  const std::function<int()>* before_exec;
};

[[noreturn]] void child_fails(int report_fd) {
  const int number = errno;
  static_cast<void>(!::write(report_fd, &number, sizeof number));
  _exit(127);
}

[[noreturn]] void become(ChildPlan& plan) {
  if (plan.own_group) setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD})
    signal(number, SIG_DFL);
  if (plan.our_pid_fd >= 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A pidfd is readable once its process is gone: it may have ended before the line above.
    pollfd gone{plan.our_pid_fd, POLLIN, 0};
    if (poll(&gone, 1, 0) != 0) _exit(127);
  }
  if (*plan.before_exec) {
    if (const int number = (*plan.before_exec)(); number != 0) {
      errno = number;
      child_fails(plan.report_fd);
    }
  }
  if (plan.directory != nullptr && ::chdir(plan.directory) != 0) child_fails(plan.report_fd);
  // First above every target, so that no move overwrites a descriptor that is still needed.
  int above = 3;
  for (const auto& [ours, theirs] : plan.moves)
    if (theirs >= above) above = theirs + 1;
  const int report = fcntl(plan.report_fd, F_DUPFD_CLOEXEC, above);
  if (report < 0) child_fails(plan.report_fd);
  for (auto& [ours, theirs] : plan.moves) {
    ours = fcntl(ours, F_DUPFD_CLOEXEC, above);
    if (ours < 0) child_fails(report);
  }
  for (const auto& [ours, theirs] : plan.moves)
    if (dup2(ours, theirs) < 0) child_fails(report);
  execve(plan.program, plan.argv, plan.environment);
  child_fails(report);
}

class Child {
 public:
  explicit Child(pid_t pid, bool group) : pid_(pid), group_(group) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!reaped_) {
      send(SIGKILL);
      int status = 0;
      while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
    }
  }
  void send(int number) const { ::kill(group_ ? -pid_ : pid_, number); }
  bool try_reap() {
    if (reaped_) return true;
    const pid_t got = waitpid(pid_, &status_, WNOHANG);
    if (got == pid_) reaped_ = true;
    return reaped_;
  }
  pid_t pid() const { return pid_; }
  Exit exit() const {
    if (WIFSIGNALED(status_)) return {.code = 0, .signal = WTERMSIG(status_)};
    return {.code = WEXITSTATUS(status_), .signal = 0};
  }

 private:
  pid_t pid_;
  bool group_;
  bool reaped_ = false;
  int status_ = 0;
};

}  // namespace

std::optional<std::string> find_program(std::string_view name, std::string_view path) {
  const auto usable = [](const std::string& file) { return ::access(file.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string_view::npos)
    return usable(std::string(name)) ? std::optional(std::string(name)) : std::nullopt;
  while (!path.empty()) {
    const std::size_t end = path.find(':');
    const std::string file = std::string(path.substr(0, end)) + "/" + std::string(name);
    if (usable(file)) return file;
    path = end == std::string_view::npos ? std::string_view() : path.substr(end + 1);
  }
  return std::nullopt;
}

std::vector<std::string> current_environment() {
  std::vector<std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    out.emplace_back(*entry);
  return out;
}

Result<Exit> SystemProcessRunner::run(const Command& command, const Cancel& cancel, const OnOutput& on_output) {
  if (command.argv.empty()) return fail(Fault::user, "an empty command cannot be run");
  const auto program = find_program(command.argv[0], path_of(command.environment));
  if (!program) return fail(Fault::host, fmt::format("program '{}' is not installed", command.argv[0]));

  SCANGATE_TRY(auto report, make_pipe());
  std::pair<UniqueFd, UniqueFd> input, out, err;
  UniqueFd null;
  ChildPlan plan{};
  if (command.input) {
    SCANGATE_TRY(input, make_pipe());
    fcntl(input.second.get(), F_SETFL, O_NONBLOCK);
    plan.moves.emplace_back(input.first.get(), 0);
  } else if (command.stdin_fd >= 0) {
    plan.moves.emplace_back(command.stdin_fd, 0);
  } else {
    null = UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    plan.moves.emplace_back(null.get(), 0);
  }
  if (command.stdout_fd >= 0) {
    plan.moves.emplace_back(command.stdout_fd, 1);
  } else {
    SCANGATE_TRY(out, make_pipe());
    plan.moves.emplace_back(out.second.get(), 1);
  }
  if (command.stderr_fd >= 0) {
    plan.moves.emplace_back(command.stderr_fd, 2);
  } else {
    SCANGATE_TRY(err, make_pipe());
    plan.moves.emplace_back(err.second.get(), 2);
  }
  for (const auto& pair : command.inherit)
    plan.moves.push_back(pair);

  const auto argv = pointers(command.argv);
  const auto environment = pointers(command.environment);
  const std::string directory = command.directory ? command.directory->string() : "";
  plan.program = program->c_str();
  plan.argv = argv.data();
  plan.environment = environment.data();
  plan.directory = command.directory ? directory.c_str() : nullptr;
  plan.own_group = command.group == Group::own;
  plan.report_fd = report.second.get();

  plan.before_exec = &command.before_exec;
  const UniqueFd our_pid_fd(command.dies_with_us ? static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)) : -1);
  plan.our_pid_fd = our_pid_fd.get();

  // The bare call where namespaces are wanted: fork() cannot take flags.
  const pid_t pid =
      command.namespaces == 0
          ? fork()
          : static_cast<pid_t>(syscall(SYS_clone, static_cast<unsigned long>(command.namespaces) | SIGCHLD, nullptr,
                                       nullptr, nullptr, nullptr));
  if (pid < 0) return fail(host_error("cannot start " + command.argv[0], errno));
  if (pid == 0) become(plan);
  if (plan.own_group) setpgid(pid, pid);  // both sides do it: whoever comes first
  Child child(pid, plan.own_group);
  report.second.reset();
  input.first.reset();
  out.second.reset();
  err.second.reset();
  int start_error = 0;
  ssize_t got = 0;
  while ((got = ::read(report.first.get(), &start_error, sizeof start_error)) < 0 && errno == EINTR) {
  }
  if (got > 0) return fail(host_error("cannot start " + command.argv[0], start_error));
  if (command.started) command.started(pid);

  std::string_view to_feed = command.input ? std::string_view(*command.input) : std::string_view();
  if (command.input && to_feed.empty()) input.second.reset();
  const auto started = SteadyClock::now();
  std::optional<SteadyClock::time_point> stopping;
  bool timed_out = false;
  // Output is drained until both ends close, or shortly after the child is gone: a daemon it left may keep them open
  // for ever.
  std::optional<SteadyClock::time_point> gone;
  UniqueFd pid_fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  for (;;) {
    if (child.try_reap() && !gone) gone = SteadyClock::now();
    const bool drained = !out.first && !err.first;
    if (gone && (drained || SteadyClock::now() - *gone > std::chrono::milliseconds(200))) break;
    std::array<pollfd, 4> waits{{{out.first.get(), POLLIN, 0},
                                 {err.first.get(), POLLIN, 0},
                                 {input.second.get(), POLLOUT, 0},
                                 {gone ? -1 : pid_fd.get(), POLLIN, 0}}};
    poll(waits.data(), waits.size(), gone ? 20 : 100);
    const auto drain = [&](UniqueFd& fd, const pollfd& wait, Stream stream) {
      if (!fd || wait.revents == 0) return;
      std::array<char, 65536> buffer{};
      const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
      if (count > 0) {
        if (on_output) on_output(stream, {buffer.data(), static_cast<std::size_t>(count)});
      } else if (count == 0 || errno != EINTR) {
        fd.reset();
      }
    };
    drain(out.first, waits[0], Stream::out);
    drain(err.first, waits[1], Stream::err);
    if (input.second && waits[2].revents != 0) {
      const ssize_t count = ::write(input.second.get(), to_feed.data(), to_feed.size());
      if (count > 0) to_feed.remove_prefix(static_cast<std::size_t>(count));
      if (to_feed.empty() || (count < 0 && errno != EAGAIN && errno != EINTR)) input.second.reset();
    }
    const auto now = SteadyClock::now();
    if (!stopping && !gone) {
      timed_out = command.timeout && now - started > *command.timeout;
      if (timed_out || cancel.cancelled()) {
        stopping = now;
        child.send(SIGTERM);
      }
    } else if (stopping && !gone && now - *stopping > command.kill_after) {
      child.send(SIGKILL);
    }
  }
  if (stopping) {
    child.send(SIGKILL);  // what is left of its group
    if (timed_out)
      return fail(Fault::host,
                  fmt::format("{} did not finish within {} s", command.argv[0], command.timeout->count() / 1000));
    return fail(cancelled_error());
  }
  return child.exit();
}

}  // namespace scangate
