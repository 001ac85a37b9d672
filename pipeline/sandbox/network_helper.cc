#include "pipeline/sandbox/network_helper.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/sandbox/network_keeper.h"

namespace scangate {
namespace {

constexpr std::string_view kProgramPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// Both are ready within 30 ms on an idle machine.
constexpr int kReadyMilliseconds = 10'000;
constexpr std::size_t kMaxLogBytes = 16U << 10U;
// Link-local, so that it is nobody's: RFC 3927.
constexpr const char* kPastaNameServer = "169.254.1.53";
constexpr const char* kSlirpNameServer = "10.0.2.3";  // slirp4netns(1), the default network's third address

using Pipe = std::pair<UniqueFd, UniqueFd>;
Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail(host_error("cannot make a pipe", errno));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

std::vector<NetworkProgram> network_programs(const std::vector<std::uint16_t>& host_loopback_ports) {
  // Its defaults publish the namespace's ports on the host and the host's loopback in the namespace: all switched off
  // but the ports that are wanted. Without --no-map-gw the gateway's address leads to the host's loopback.
  const std::string ports =
      host_loopback_ports.empty() ? "none" : fmt::format("{}", fmt::join(host_loopback_ports, ","));
  NetworkProgram pasta{.name = "pasta",
                       .argv = {"pasta", "--quiet", "--config-net", "--no-map-gw", "-t", "none", "-u", "none", "-T",
                                ports, "-U", "none", "--dns-forward", kPastaNameServer, "--netns-only",
                                // As root it would become nobody, who cannot open the namespace.
                                "--runas", "0", "--netns"},
                       .leaves_when_ready = true,
                       .name_server = kPastaNameServer};
  pasta.namespace_at = pasta.argv.size();
  if (!host_loopback_ports.empty()) return {std::move(pasta)};
  NetworkProgram slirp{
      .name = "slirp4netns",
      .argv = {"slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox",
               "--enable-seccomp", fmt::format("--ready-fd={}", kReadyFd), "--netns-type=path", "tap0"},
      .name_server = kSlirpNameServer};
  slirp.namespace_at = slirp.argv.size() - 1;
  return {std::move(pasta), std::move(slirp)};
}

NetworkHelper::NetworkHelper(NetworkProgram program, int namespace_fd, std::filesystem::path run_folder,
                             ProcessRunner& runner)
    : program_(std::move(program)), namespace_fd_(namespace_fd), run_folder_(std::move(run_folder)), runner_(runner) {}

NetworkHelper::~NetworkHelper() {
  stop();
}

void NetworkHelper::stop() {
  life_.reset();
  if (thread_.joinable()) thread_.join();
}

void NetworkHelper::release() {
  thread_.detach();
}

Result<void> NetworkHelper::start() {
  const auto path = find_program(program_.name, kProgramPath);
  if (!path) return fail(Fault::host, "not installed");
  SCANGATE_CHECK(make_directories(run_folder_, 0700));
  SCANGATE_TRY(Pipe life, make_pipe());
  SCANGATE_TRY(Pipe ready, make_pipe());
  log_ = UniqueFd(memfd_create("network helper's log", MFD_CLOEXEC));
  if (!log_) return fail(host_error("cannot make a file in memory", errno));

  // Who called us, and so who outlives this stage of the job.
  const UniqueFd owner(listening_ ? static_cast<int>(syscall(SYS_pidfd_open, getppid(), 0)) : -1);
  if (listening_ && !owner) listening_.reset();
  NetworkKeeper keeper{.folder = run_folder_.string(),
                       .file = (run_folder_ / "namespace").string(),
                       .source = fmt::format("/proc/self/fd/{}", namespace_fd_),
                       .name = program_.name,
                       .life_fd = life.first.get(),
                       .ready_fd = ready.second.get(),
                       .listen_fd = listening_.get(),
                       .namespace_fd = namespace_fd_,
                       .owner_fd = owner.get(),
                       .leaves_when_ready = program_.leaves_when_ready};
  Command command;
  command.argv = program_.argv;
  command.argv[0] = *path;
  command.argv.insert(command.argv.begin() + static_cast<std::ptrdiff_t>(program_.namespace_at), keeper.file);
  command.environment = {"PATH=" + std::string(kProgramPath)};
  command.directory = "/";
  command.stdout_fd = log_.get();
  command.stderr_fd = log_.get();
  if (!program_.leaves_when_ready) command.inherit = {{ready.second.get(), kReadyFd}};
  command.namespaces = CLONE_NEWPID | CLONE_NEWNS;
  command.dies_with_us = true;
  command.before_exec = keeper;

  life_ = std::move(life.second);
  // The death signal hangs on the thread that starts the process: this one lives as long as it.
  thread_ = std::thread([&runner = runner_, run = run_, command = std::move(command), life_end = std::move(life.first),
                         ready_end = std::move(ready.second)]() mutable {
    const auto exit = runner.run(command, run->cancel, {});
    if (!exit) run->failure = exit.error().cause();
    ready_end.reset();
  });
  pollfd wait{ready.first.get(), POLLIN, 0};
  int got = 0;
  while ((got = poll(&wait, 1, kReadyMilliseconds)) < 0 && errno == EINTR) {
  }
  char sign = 0;
  if (got == 1 && read(ready.first.get(), &sign, 1) == 1) return {};
  stop();
  if (!run_->failure.empty()) return fail(Fault::host, run_->failure);
  if (got == 0) return fail(Fault::host, "not ready within 10 s");
  return fail(Fault::host, said());
}

std::string NetworkHelper::said() const {
  std::string text(kMaxLogBytes, '\0');
  const ssize_t count = pread(log_.get(), text.data(), text.size(), 0);
  text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  std::string out;
  for (const auto& line : split(text, '\n')) {
    // Debian 12's pasta complains on stderr about a host without a system log.
    if (trim(line).empty() || line.starts_with("Failed to send ")) continue;
    out += (out.empty() ? "" : ", ") + std::string(trim(printable(line)));
  }
  return out.empty() ? "it ended without saying why" : out;
}

}  // namespace scangate
