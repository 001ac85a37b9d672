#include "pipeline/sandbox/network_keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/file.h"

namespace scangate {
namespace {

// A keeper answers within a millisecond; one that was stopped by a debugger must not hold a job for ever.
constexpr int kAnswerMilliseconds = 5000;

// Where the keeper has its descriptors; all others are closed.
enum : int { kLife, kReady, kHelper, kListen, kNamespace, kOwner, kFirstUnused };

bool send_namespace(int socket, const std::string& name) {
  iovec part{const_cast<char*>(name.data()), name.size()};
  const int fd = kNamespace;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  return sendmsg(socket, &message, MSG_NOSIGNAL) > 0;
}

// What a client asks for; 0 when it says nothing in time.
char serve_one(const std::string& name) {
  const int client = accept4(kListen, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return 0;
  pollfd wait{client, POLLIN, 0};
  char order = 0;
  if (poll(&wait, 1, kAnswerMilliseconds) != 1 || recv(client, &order, 1, MSG_DONTWAIT) != 1 ||
      !send_namespace(client, name))
    order = 0;
  close(client);
  return order;
}

[[noreturn]] void keep(const NetworkKeeper& keeper, pid_t child) {
  // Out of the way first: they may have the numbers they are to get.
  const std::array<int, kFirstUnused> wanted{
      keeper.life_fd,   keeper.ready_fd,     static_cast<int>(syscall(SYS_pidfd_open, child, 0)),
      keeper.listen_fd, keeper.namespace_fd, keeper.owner_fd};
  std::array<int, kFirstUnused> moved{};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool optional = i >= kListen;
    moved[i] = wanted[i] < 0 && optional ? -1 : fcntl(wanted[i], F_DUPFD, kFirstUnused);
    if (moved[i] < 0 && !optional) _exit(1);
  }
  for (int i = 0; i < kFirstUnused; ++i) {
    const int from = moved[static_cast<std::size_t>(i)];
    if (from < 0)
      close(i);  // else it could be our own end of the life pipe
    else if (dup2(from, i) != i)
      _exit(1);
  }
  syscall(SYS_close_range, static_cast<unsigned>(kFirstUnused), ~0U, 0U);
  bool runs = true;
  bool kept = false;
  const bool listens = keeper.listen_fd >= 0;
  for (;;) {
    std::array<pollfd, 3> waits{
        {{kept ? kOwner : kLife, POLLIN, 0}, {runs ? kHelper : -1, POLLIN, 0}, {listens ? kListen : -1, POLLIN, 0}}};
    if (poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[0].revents != 0) _exit(0);
    if (waits[2].revents != 0) {
      const char order = serve_one(keeper.name);
      if (order == static_cast<char>(KeeperOrder::end)) _exit(0);
      if (order == static_cast<char>(KeeperOrder::keep)) {
        prctl(PR_SET_PDEATHSIG, 0);
        kept = true;
      }
      continue;
    }
    if (waits[1].revents == 0) continue;
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    runs = false;
    if (!keeper.leaves_when_ready || !WIFEXITED(status) || WEXITSTATUS(status) != 0) _exit(1);
    if (write(kReady, "1", 1) != 1) _exit(1);
    close(kReady);
  }
}

// A path of any length in a socket's address: the folder by descriptor.
Result<sockaddr_un> address_in(const UniqueFd& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/{}", folder.get(), kKeeperSocket);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

}  // namespace

int NetworkKeeper::operator()() const {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0 ||
      mount("tmpfs", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700,size=64k") != 0)
    return errno;
  const int made = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (made < 0) return errno;
  close(made);
  // By a path of their own: /proc/self/fd would lead to nothing once the helper has closed what it inherited.
  if (mount(source.c_str(), file.c_str(), nullptr, MS_BIND, nullptr) != 0) return errno;
  // fork() takes locks that a thread of the parent may have held.
  const long child = syscall(SYS_clone, static_cast<unsigned long>(SIGCHLD), nullptr, nullptr, nullptr, nullptr);
  if (child < 0) return errno;
  if (child == 0) return 0;
  keep(*this, static_cast<pid_t>(child));
}

Result<UniqueFd> listen_for_keeper(const std::filesystem::path& folder) {
  UniqueFd in(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!in) return fail(host_error("cannot open " + folder.string(), errno));
  if (unlinkat(in.get(), kKeeperSocket, 0) != 0 && errno != ENOENT)
    return fail(host_error(fmt::format("cannot replace {}/{}", folder.string(), kKeeperSocket), errno));
  UniqueFd listening(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  SCANGATE_TRY(const sockaddr_un address, address_in(in));
  if (!listening || bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listening.get(), 4) != 0)
    return fail(host_error(fmt::format("cannot listen on {}/{}", folder.string(), kKeeperSocket), errno));
  return listening;
}

Result<KeptNetwork> ask_keeper(const std::filesystem::path& folder, KeeperOrder order) {
  const auto gone = [&] {
    return fail(host_error(fmt::format("no network is kept at {}/{}", folder.string(), kKeeperSocket), errno));
  };
  UniqueFd in(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!in) return gone();
  UniqueFd asking(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  SCANGATE_TRY(const sockaddr_un address, address_in(in));
  const int yes = 1;
  const char word = static_cast<char>(order);
  if (!asking || connect(asking.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      setsockopt(asking.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) != 0 ||
      send(asking.get(), &word, 1, MSG_NOSIGNAL) != 1)
    return gone();
  pollfd wait{asking.get(), POLLIN, 0};
  if (poll(&wait, 1, kAnswerMilliseconds) != 1) return gone();
  std::array<char, kMaxHelperName> name{};
  iovec part{name.data(), name.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(ucred))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  errno = ECONNRESET;
  const ssize_t count = recvmsg(asking.get(), &message, MSG_CMSG_CLOEXEC);
  if (count <= 0) return gone();
  KeptNetwork kept;
  kept.helper.assign(name.data(), static_cast<std::size_t>(count));
  for (cmsghdr* got = CMSG_FIRSTHDR(&message); got != nullptr; got = CMSG_NXTHDR(&message, got)) {
    if (got->cmsg_level != SOL_SOCKET) continue;
    if (got->cmsg_type == SCM_RIGHTS) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(got), sizeof fd);
      kept.network_namespace = UniqueFd(fd);
    } else if (got->cmsg_type == SCM_CREDENTIALS) {
      // The kernel fills them in, with the keeper's number as we see it.
      ucred peer{};
      std::memcpy(&peer, CMSG_DATA(got), sizeof peer);
      kept.keeper = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, peer.pid, 0)));
    }
  }
  if (!kept.network_namespace || (!kept.keeper && order != KeeperOrder::end)) return gone();
  return kept;
}

void wait_for_keeper(const UniqueFd& keeper) {
  pollfd ended{keeper.get(), POLLIN, 0};
  while (poll(&ended, 1, kAnswerMilliseconds) < 0 && errno == EINTR) {
  }
}

}  // namespace scangate
