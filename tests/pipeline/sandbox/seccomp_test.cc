#include "pipeline/sandbox/seccomp.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <set>

namespace scangate {
namespace {

// What the kernel would answer: classic BPF as in linux/filter.h, as far as a seccomp filter uses it.
std::uint32_t verdict(std::string_view filter, const seccomp_data& data) {
  std::vector<sock_filter> program(filter.size() / sizeof(sock_filter));
  std::memcpy(program.data(), filter.data(), filter.size());
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const auto& one = program[at];
    switch (one.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + one.k, 4);
        break;
      case BPF_RET | BPF_K:
        return one.k;
      case BPF_JMP | BPF_JA:
        at += one.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += accumulator == one.k ? one.jt : one.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        at += accumulator > one.k ? one.jt : one.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += accumulator >= one.k ? one.jt : one.jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        at += (accumulator & one.k) != 0 ? one.jt : one.jf;
        break;
      default:
        ADD_FAILURE() << "instruction " << one.code;
        return 0;
    }
  }
  ADD_FAILURE() << "ran off the end";
  return 0;
}

#if defined(__x86_64__)
constexpr std::uint32_t kHere = AUDIT_ARCH_X86_64;
#else
constexpr std::uint32_t kHere = AUDIT_ARCH_AARCH64;
#endif
constexpr std::uint32_t kDenied = SECCOMP_RET_ERRNO | EPERM;

struct Case {
  const char* name;
  int number;
  std::uint64_t argument;
  std::uint32_t verdict;
};

TEST(Seccomp, AnswersAsDockersProfile) {
  const std::string filter = seccomp_filter();
  const Case cases[] = {
      {"read", __NR_read, 0, SECCOMP_RET_ALLOW},
      {"openat", __NR_openat, 0, SECCOMP_RET_ALLOW},
      {"execve", __NR_execve, 0, SECCOMP_RET_ALLOW},
      {"ptrace", __NR_ptrace, 0, SECCOMP_RET_ALLOW},
      {"chroot", __NR_chroot, 0, SECCOMP_RET_ALLOW},
      {"mount", __NR_mount, 0, kDenied},
      {"umount2", __NR_umount2, 0, kDenied},
      {"unshare", __NR_unshare, 0, kDenied},
      {"setns", __NR_setns, 0, kDenied},
      {"bpf", __NR_bpf, 0, kDenied},
      {"keyctl", __NR_keyctl, 0, kDenied},
      {"io_uring_setup", __NR_io_uring_setup, 0, kDenied},
      {"init_module", __NR_init_module, 0, kDenied},
      {"open_by_handle_at", __NR_open_by_handle_at, 0, kDenied},
      {"userfaultfd", __NR_userfaultfd, 0, kDenied},
      {"past the end", 5000, 0, kDenied},
      {"clone of a thread", __NR_clone, 0x3d0f00, SECCOMP_RET_ALLOW},
      {"clone with CLONE_NEWUSER", __NR_clone, 0x10000000, kDenied},
      {"clone with CLONE_NEWNS", __NR_clone, 0x00020000, kDenied},
      {"clone3", __NR_clone3, 0, SECCOMP_RET_ERRNO | ENOSYS},
      {"socket AF_UNIX", __NR_socket, 1, SECCOMP_RET_ALLOW},
      {"socket AF_VSOCK", __NR_socket, 40, kDenied},
      {"socket AF_VSOCK behind high bits", __NR_socket, 0x100000028, kDenied},
      {"personality query", __NR_personality, 0xffffffff, SECCOMP_RET_ALLOW},
      {"personality PER_LINUX32", __NR_personality, 8, SECCOMP_RET_ALLOW},
      {"personality ADDR_NO_RANDOMIZE", __NR_personality, 0x40000, kDenied},
  };
  for (const auto& one : cases) {
    seccomp_data data{};
    data.arch = kHere;
    data.nr = one.number;
    data.args[0] = one.argument;
    EXPECT_EQ(verdict(filter, data), one.verdict) << one.name;
  }
}

TEST(Seccomp, EveryPermittedCallPasses) {
  const std::string filter = seccomp_filter();
  std::size_t known = 0;
  std::set<std::string_view> names;
  for (const auto& call : permitted_system_calls()) {
    EXPECT_TRUE(names.insert(call.name).second) << call.name << " is listed twice";
    if (call.number_text.find_first_not_of("0123456789") != std::string_view::npos) continue;
    seccomp_data data{};
    data.arch = kHere;
    data.nr = std::stoi(std::string(call.number_text));
    EXPECT_EQ(verdict(filter, data), SECCOMP_RET_ALLOW) << call.name;
    ++known;
  }
  EXPECT_GT(known, 250U);
}

TEST(Seccomp, ForeignArchitectureIsKilled) {
  seccomp_data data{};
  data.arch = AUDIT_ARCH_S390X;
  EXPECT_EQ(verdict(seccomp_filter(), data), SECCOMP_RET_KILL_PROCESS);
}

#if defined(__x86_64__)
TEST(Seccomp, ThirtyTwoBitProgramsHaveTheSameRules) {
  const std::string filter = seccomp_filter();
  const Case cases[] = {{"read", 3, 0, SECCOMP_RET_ALLOW},         {"mount", 21, 0, kDenied},
                        {"clone", 120, 0, SECCOMP_RET_ALLOW},      {"clone CLONE_NEWPID", 120, 0x20000000, kDenied},
                        {"socketcall", 102, 0, SECCOMP_RET_ALLOW}, {"socket AF_VSOCK", 359, 40, kDenied}};
  for (const auto& one : cases) {
    seccomp_data data{};
    data.arch = AUDIT_ARCH_I386;
    data.nr = one.number;
    data.args[0] = one.argument;
    EXPECT_EQ(verdict(filter, data), one.verdict) << one.name;
  }
}

// x32 shares the architecture word of x86-64 and sets bit 30 in the number.
TEST(Seccomp, X32IsDenied) {
  seccomp_data data{};
  data.arch = kHere;
  data.nr = 0x40000000;
  EXPECT_EQ(verdict(seccomp_filter(), data), kDenied);
}
#endif

}  // namespace
}  // namespace scangate
