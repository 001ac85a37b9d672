#include "pipeline/sandbox/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <optional>

namespace scangate {
namespace {

#define SCANGATE_TEXT_INNER(x) #x
#define SCANGATE_TEXT(x) SCANGATE_TEXT_INNER(x)
#define SCANGATE_CALL(name) SystemCall{#name, SCANGATE_TEXT(__NR_##name)},
constexpr SystemCall kPermitted[] = {
#include "pipeline/sandbox/system_calls.inc"
};
#undef SCANGATE_CALL

// Numbers of the calls that have conditions.
struct Conditional {
  std::uint32_t clone, clone3, personality, socket;
};
constexpr Conditional kNative = {__NR_clone, __NR_clone3, __NR_personality, __NR_socket};
#if defined(__x86_64__)
constexpr Conditional kI386 = {120, 435, 136, 359};  // arch/x86/entry/syscalls/syscall_32.tbl
constexpr std::uint32_t kNativeArchitecture = AUDIT_ARCH_X86_64;
#else
constexpr std::uint32_t kNativeArchitecture = AUDIT_ARCH_AARCH64;
#endif

constexpr std::uint32_t kDeny = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kNoSuchCall = SECCOMP_RET_ERRNO | ENOSYS;

using Program = std::vector<sock_filter>;

sock_filter load(std::size_t offset) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
}
sock_filter give(std::uint32_t verdict) {
  return {BPF_RET | BPF_K, 0, 0, verdict};
}
// The next `skip` instructions are for the case that the comparison does not hold.
sock_filter unless(std::uint16_t comparison, std::uint32_t value, std::uint8_t skip_when_true,
                   std::uint8_t skip_when_false) {
  return {static_cast<std::uint16_t>(BPF_JMP | comparison | BPF_K), skip_when_true, skip_when_false, value};
}
constexpr std::size_t kNumberAt = offsetof(seccomp_data, nr);
constexpr std::size_t kArchitectureAt = offsetof(seccomp_data, arch);
// The low half on the little-endian machines we know. The kernel itself cuts the arguments in question to 32 bits.
constexpr std::size_t kFirstArgumentAt = offsetof(seccomp_data, args);

std::vector<std::uint32_t> numbers_of(std::span<const SystemCall> calls) {
  std::vector<std::uint32_t> out;
  for (const auto& call : calls) {
    std::uint32_t number = 0;
    const char* end = call.number_text.data() + call.number_text.size();
    const auto [stop, error] = std::from_chars(call.number_text.data(), end, number);
    if (error == std::errc() && stop == end) out.push_back(number);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The part for one architecture, ending in a verdict on every path. Expects nothing in the accumulator.
Program part(std::span<const SystemCall> calls, const Conditional& conditional) {
  Program out;
  out.push_back(load(kNumberAt));
  // clone: not the next one, skip its three instructions.
  out.push_back(unless(BPF_JEQ, conditional.clone, 0, 4));
  out.push_back(load(kFirstArgumentAt));
  out.push_back(unless(BPF_JSET, kForbiddenCloneFlags, 0, 1));
  out.push_back(give(kDeny));
  out.push_back(give(SECCOMP_RET_ALLOW));
  out.push_back(unless(BPF_JEQ, conditional.clone3, 0, 1));
  out.push_back(give(kNoSuchCall));
  out.push_back(unless(BPF_JEQ, conditional.socket, 0, 4));
  out.push_back(load(kFirstArgumentAt));
  out.push_back(unless(BPF_JEQ, kForbiddenSocketDomain, 0, 1));
  out.push_back(give(kDeny));
  out.push_back(give(SECCOMP_RET_ALLOW));
  out.push_back(
      unless(BPF_JEQ, conditional.personality, 0, static_cast<std::uint8_t>(2 + 2 * kPermittedPersonalities.size())));
  out.push_back(load(kFirstArgumentAt));
  for (const auto value : kPermittedPersonalities) {
    out.push_back(unless(BPF_JEQ, value, 0, 1));
    out.push_back(give(SECCOMP_RET_ALLOW));
  }
  out.push_back(give(kDeny));
  // Ranges of permitted numbers, ascending: past the end goes to the next range, before the begin is denied. The kernel
  // caches the verdict of calls that are permitted whatever their arguments, so their order costs nothing.
  const auto numbers = numbers_of(calls);
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] <= numbers[last] + 1)
      ++last;
    out.push_back(unless(BPF_JGT, numbers[last], 3, 0));
    out.push_back(unless(BPF_JGE, numbers[i], 0, 1));
    out.push_back(give(SECCOMP_RET_ALLOW));
    out.push_back(give(kDeny));
    i = last + 1;
  }
  out.push_back(give(kDeny));
  return out;
}

void append_architecture(Program& program, std::uint32_t architecture, const Program& its_part) {
  program.push_back(load(kArchitectureAt));
  // Jumps reach 255 instructions, "always" any number.
  program.push_back(unless(BPF_JEQ, architecture, 1, 0));
  program.push_back({BPF_JMP | BPF_JA, 0, 0, static_cast<std::uint32_t>(its_part.size())});
  program.insert(program.end(), its_part.begin(), its_part.end());
}

}  // namespace

std::span<const SystemCall> permitted_system_calls() {
  return kPermitted;
}

std::string seccomp_filter() {
  Program program;
  append_architecture(program, kNativeArchitecture, part(permitted_system_calls(), kNative));
#if defined(__x86_64__)
  append_architecture(program, AUDIT_ARCH_I386, part(permitted_system_calls_i386(), kI386));
#endif
  program.push_back(give(SECCOMP_RET_KILL_PROCESS));
  return {reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter)};
}

}  // namespace scangate
