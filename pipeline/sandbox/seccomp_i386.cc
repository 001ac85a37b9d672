// A unit of its own: the kernel's headers give both numberings the same macro names.
#if defined(__x86_64__)
#include <asm/unistd_32.h>

#include "pipeline/sandbox/seccomp.h"

namespace scangate {
namespace {

#define SCANGATE_TEXT_INNER(x) #x
#define SCANGATE_TEXT(x) SCANGATE_TEXT_INNER(x)
#define SCANGATE_CALL(name) SystemCall{#name, SCANGATE_TEXT(__NR_##name)},
constexpr SystemCall kPermitted[] = {
#include "pipeline/sandbox/system_calls.inc"
};
#undef SCANGATE_CALL

}  // namespace

std::span<const SystemCall> permitted_system_calls_i386() {
  return kPermitted;
}

}  // namespace scangate
#endif
