#include "pipeline/sandbox/namespaces.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"

namespace scangate {
namespace {

constexpr std::size_t kMaxSubIdFileBytes = 1U << 20U;

struct IdRange {
  std::string start;
  std::string count;
};

// The first range of /etc/subuid or /etc/subgid for a user, by name or number. subuid(5): "name:start:count".
std::optional<IdRange> subordinate_range(const char* file, const std::string& name, const std::string& number) {
  const auto text = read_file(file, kMaxSubIdFileBytes);
  if (!text) return std::nullopt;
  for (const auto& line : split(*text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() == 3 && (fields[0] == name || fields[0] == number))
      return IdRange{std::string(trim(fields[1])), std::string(trim(fields[2]))};
  }
  return std::nullopt;
}

std::string user_name(uid_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return found->pw_name;
}

// Slaves of the host, so that what it mounts is seen; shared among our own namespaces, so that an unmount of ours
// also reaches the sandboxes' copies.
Result<void> detach_mounts() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0 ||
      mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr) != 0)
    return fail(host_error("cannot make mounts private", errno));
  return {};
}

Result<void> map_ids(const char* tool, pid_t pid, uid_t own, const IdRange& range) {
  SystemProcessRunner runner;
  std::string said;
  const auto exit =
      runner.run({.argv = {tool, std::to_string(pid), "0", std::to_string(own), "1", "1", range.start, range.count},
                  .environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}},
                 Cancel(), [&](Stream, std::string_view text) { said += text; });
  if (!exit) return fail(exit.error());
  if (exit->shell_code() != 0)
    return fail(Error(Fault::host, fmt::format("{} failed: {}", tool, trim(said)))
                    .remedy("check the user's lines in /etc/subuid and /etc/subgid, and that newuidmap is setuid"));
  return {};
}

Result<void> write_proc(pid_t pid, const char* name, const std::string& text) {
  SCANGATE_TRY(const UniqueFd fd, open_file(fmt::format("/proc/{}/{}", pid, name), O_WRONLY));
  return write_fd(fd.get(), as_bytes(text), name);
}

Result<Privilege> map_child(pid_t pid, uid_t uid, gid_t gid) {
  const std::string name = user_name(uid);
  const auto uids = subordinate_range("/etc/subuid", name, std::to_string(uid));
  const auto gids = subordinate_range("/etc/subgid", name, std::to_string(uid));
  const std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  if (uids && gids && find_program("newuidmap", path) && find_program("newgidmap", path)) {
    SCANGATE_CHECK(map_ids("newuidmap", pid, uid, *uids));
    SCANGATE_CHECK(map_ids("newgidmap", pid, gid, *gids));
    return Privilege::rootless_range;
  }
  // user_namespaces(7): without privilege one id may be mapped, and the group only after setgroups is given up.
  SCANGATE_CHECK(write_proc(pid, "uid_map", fmt::format("0 {} 1\n", uid)));
  SCANGATE_CHECK(write_proc(pid, "setgroups", "deny"));
  SCANGATE_CHECK(write_proc(pid, "gid_map", fmt::format("0 {} 1\n", gid)));
  return Privilege::rootless_single;
}

// The original process from here on: passes signals on and ends as the child ends.
[[noreturn]] void wait_for(pid_t child, const sigset_t& watched) {
  for (;;) {
    siginfo_t info{};
    const int number = sigwaitinfo(&watched, &info);
    if (number < 0) continue;
    if (number != SIGCHLD) {
      // A terminal sends to the whole foreground group, so the child has it already.
      if (info.si_code != SI_KERNEL) kill(child, number);
      continue;
    }
    int status = 0;
    if (waitpid(child, &status, WNOHANG) != child) continue;
    if (WIFSIGNALED(status)) {
      const int ended_by = WTERMSIG(status);
      signal(ended_by, SIG_DFL);
      sigset_t only;
      sigemptyset(&only);
      sigaddset(&only, ended_by);
      kill(getpid(), ended_by);
      sigprocmask(SIG_UNBLOCK, &only, nullptr);
      _exit(128 + ended_by);
    }
    if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
  }
}

// In the child. Errors that are known before the maps are written travel to the parent as errno values.
Result<Privilege> become_root(int from_parent, int to_parent) {
  const int unshared = unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 ? 0 : errno;
  if (write(to_parent, &unshared, sizeof unshared) != sizeof unshared || unshared != 0) _exit(1);
  auto privilege = Privilege::rootless_single;
  ssize_t got = 0;
  while ((got = read(from_parent, &privilege, sizeof privilege)) < 0 && errno == EINTR) {
  }
  if (got != sizeof privilege) _exit(1);  // the parent could not map us and returns the Error
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
    return fail(host_error("cannot become root of the user namespace", errno));
  // After the change of ids, which clears it. A parent that ended before has closed its end of the pipe.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd parent{from_parent, POLLIN, 0};
  if (poll(&parent, 1, 0) != 0) _exit(1);
  SCANGATE_CHECK(detach_mounts());
  return privilege;
}

using Pipe = std::pair<UniqueFd, UniqueFd>;
Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail(host_error("cannot make a pipe", errno));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

std::string_view privilege_name(Privilege privilege) {
  switch (privilege) {
    case Privilege::root:
      return "root";
    case Privilege::rootless_range:
      return "rootless with subordinate ids";
    case Privilege::rootless_single:
      return "rootless with a single id";
  }
  return "";
}

Result<Privilege> enter_host_namespaces() {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (uid == 0) {
    if (unshare(CLONE_NEWNS) != 0)
      return fail(
          host_error("cannot make a mount namespace", errno).remedy("run with CAP_SYS_ADMIN, or as a plain user"));
    SCANGATE_CHECK(detach_mounts());
    return Privilege::root;
  }
  SCANGATE_TRY(Pipe down, make_pipe());
  SCANGATE_TRY(Pipe up, make_pipe());
  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT})
    sigaddset(&watched, number);
  const pid_t child = fork();
  if (child < 0) return fail(host_error("cannot start a process", errno));
  if (child == 0) {
    down.second.reset();
    up.first.reset();
    return become_root(down.first.get(), up.second.get());
  }
  down.first.reset();
  up.second.reset();
  int unshared = EIO;
  ssize_t got = 0;
  while ((got = read(up.first.get(), &unshared, sizeof unshared)) < 0 && errno == EINTR) {
  }
  const auto privilege = [&]() -> Result<Privilege> {
    if (got != sizeof unshared || unshared != 0)
      return fail(host_error("cannot make a user namespace", unshared)
                      .remedy("allow unprivileged user namespaces on this host, or run as root"));
    return map_child(child, uid, gid);
  }();
  if (!privilege) {
    down.second.reset();
    waitpid(child, nullptr, 0);
    return privilege;
  }
  // Blocked before the child goes on, so that its end cannot be missed.
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  if (write(down.second.get(), &*privilege, sizeof *privilege) != sizeof *privilege)
    return fail(host_error("cannot start the child", errno));
  wait_for(child, watched);
}

}  // namespace scangate
