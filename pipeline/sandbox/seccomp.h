#pragma once
// Which system calls a sandbox may make: what docker's default profile permits for its default capabilities. As names
// for runtimes that compile a filter themselves, and as the compiled filter: libseccomp takes 14 ms for it, we 20 us.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace scangate {

struct SystemCall {
  std::string_view name;
  std::string_view number_text;  // as the kernel's headers define it; not a number where this architecture lacks it
};

// Permitted without conditions, in the numbering of the architecture we were compiled for.
std::span<const SystemCall> permitted_system_calls();
#if defined(__x86_64__)
// The same for 32-bit programs.
std::span<const SystemCall> permitted_system_calls_i386();
#endif

// personality(2) with these first arguments only: PER_LINUX, PER_LINUX32, each also with UNAME26, and the query. The
// others switch off address randomisation.
inline constexpr std::array<std::uint32_t, 5> kPermittedPersonalities = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};
// clone(2) only without these bits: every CLONE_NEW* namespace flag. clone3(2) does not exist, as its flags lie in
// memory, where a filter cannot look; C libraries then fall back to clone.
inline constexpr std::uint32_t kForbiddenCloneFlags = 0x7E020000;
// socket(2) with any domain but AF_VSOCK, which reaches the hypervisor.
inline constexpr std::uint32_t kForbiddenSocketDomain = 40;

// The filter as the kernel takes it (an array of struct sock_filter, seccomp(2)): everything else gives EPERM, and a
// call of a foreign architecture kills the process.
std::string seccomp_filter();

}  // namespace scangate
