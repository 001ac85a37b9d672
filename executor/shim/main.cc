// scangate-shim: stands in for docker, podman and other image tools inside a job. It does nothing itself: it hands its arguments, environment,
// working directory and standard streams to the gate and exits with the gate's answer.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "executor/wire/wire.h"

extern char** environ;

namespace {

// Docker's own code for "the client or daemon failed, not the command": here it means that nothing was built, scanned or pushed.
constexpr int kUnreachable = 5;

int unreachable(const char* name, const char* what) {
  std::fprintf(stderr, "%s: the image gate of this job does not answer: %s: %s (nothing was built or pushed)\n", name, what, std::strerror(errno));
  return kUnreachable;
}

bool send_all(int fd, const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

bool send_header(int fd, std::string header, const int (&descriptors)[scangate::wire::kDescriptors]) {
  iovec piece{header.data(), header.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptors)] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof descriptors);
  std::memcpy(CMSG_DATA(rights), descriptors, sizeof descriptors);
  return sendmsg(fd, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(header.size());
}

// Becomes the program of this name that the job has besides the shim; comes back only when there is none.
void become_own_program(const std::string& name, char** argv) {
  const char* path = std::getenv("PATH");
  std::string left = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!left.empty()) {
    const std::size_t colon = left.find(':');
    const std::string folder = left.substr(0, colon);
    left = colon == std::string::npos ? "" : left.substr(colon + 1);
    if (folder.empty() || folder == scangate::wire::kCommands) continue;
    execv((folder + "/" + name).c_str(), argv);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const char* slash = argc > 0 ? std::strrchr(argv[0], '/') : nullptr;
  const char* name = slash != nullptr ? slash + 1 : (argc > 0 ? argv[0] : "scangate-shim");

  scangate::wire::Request request;
  request.arguments.emplace_back(argc > 0 ? argv[0] : "scangate-shim");
  for (int i = 1; i < argc; ++i) request.arguments.emplace_back(argv[i]);
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) request.environment.emplace_back(*entry);
  char directory[4096];
  if (getcwd(directory, sizeof directory) == nullptr) return unreachable(name, "the working directory cannot be read");
  request.directory = directory;

  // A closed standard stream would let the socket take its number.
  for (int fd = 0; fd < 3; ++fd)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) return unreachable(name, "a standard stream is closed");
  const int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return unreachable(name, "the root folder cannot be opened");
  const int gate = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (gate < 0) return unreachable(name, "no socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, scangate::wire::kSocket, sizeof address.sun_path - 1);
  if (connect(gate, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return unreachable(name, scangate::wire::kSocket);

  const std::string payload = encode(request);
  if (payload.size() > scangate::wire::kMaxPayloadBytes) {
    std::fprintf(stderr, "%s: arguments and environment are larger than 4 MiB\n", name);
    return 2;
  }
  if (!send_header(gate, scangate::wire::encode_header(static_cast<std::uint32_t>(payload.size())), {0, 1, 2, root}) || !send_all(gate, payload))
    return unreachable(name, "the request was not taken");

  std::string reply;
  char buffer[4];
  while (reply.size() < 4) {
    const ssize_t count = read(gate, buffer, 4 - reply.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      if (count == 0) errno = ECONNRESET;
      return unreachable(name, "it closed the connection before the work was done");
    }
    reply.append(buffer, static_cast<std::size_t>(count));
  }
  const std::uint32_t code = scangate::wire::decode_u32(reply);
  if (code == scangate::wire::kRunYourOwn) {
    close(gate);
    become_own_program(name, argv);
    std::fprintf(stderr, "%s: this job has no such program of its own\n", name);
    return 127;
  }
  return static_cast<int>(code & 0xFFU);
}
