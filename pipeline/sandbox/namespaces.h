#pragma once
// The namespaces our own process lives in while it works with root file systems.
#include <string>

#include "base/error.h"

namespace scangate {

enum class Privilege {
  root,             // real root: private mount namespace
  rootless_range,   // plain user: user namespace with subordinate ids (newuidmap), private mount namespace
  rootless_single,  // plain user without subordinate ids: only uid 0 maps
};
std::string_view privilege_name(Privilege privilege);

// Called once from main before any thread exists. As root: unshare(CLONE_NEWNS) and make every mount private-slave, so
// that our overlay mounts are ours alone and vanish with the process. As a plain user: continues in a child inside a
// new user and mount namespace in which we are root; the original process waits for it, passes signals on and exits
// with its code, so this function returns only in the child.
Result<Privilege> enter_host_namespaces();

}  // namespace scangate
