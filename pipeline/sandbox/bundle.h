#pragma once
// config.json of an OCI runtime bundle. OCI runtime-spec v1.1, config.md and config-linux.md.
#include <filesystem>
#include <string>
#include <vector>

#include "pipeline/sandbox/sandbox.h"

namespace scangate {

// The 14 that docker grants.
const std::vector<std::string>& default_capabilities();
// What tells about, or reaches, the host's kernel beyond the namespaces: hidden, and not writable.
const std::vector<std::string>& masked_paths();
const std::vector<std::string>& read_only_paths();

// Where the runtime finds the content of a file of the spec, beside the root.
std::filesystem::path bundle_file(const std::filesystem::path& root, std::size_t index);

// The limits as they can be set: cut to our own hard ones.
std::vector<SandboxResourceLimit> settable_limits(const std::vector<SandboxResourceLimit>& wanted);
// RLIMIT_… of getrlimit(2) for a name that is_resource_limit() knows.
int resource_number(std::string_view name);

struct BundleHost {
  // In a user namespace device nodes cannot be made and sysfs cannot be mounted: they come from the host by bind mount.
  bool user_namespace = false;
  // The seccomp filter as an annotation that crun understands since 0.20, instead of names for libseccomp.
  bool compiled_filter = false;
  // crun clears all flags of the root's mount when it binds it: they are set again by a mount entry, the last one.
  bool remount_root = false;
};

// `root` is where the root file system stands when the runtime reads the bundle, already nodev, and read-only if asked
// for: runc, told to make it so, loses nodev. Errors: Fault::user for a spec that
// cannot be run (no argv, a relative mount target).
Result<std::string> bundle_config(const SandboxSpec& spec, const std::filesystem::path& root, const BundleHost& host);

// The process of a bundle alone, for a further program in a container that runs: runtime-spec, config.md, "Process".
Result<std::string> process_config(const SandboxSpec& spec);

}  // namespace scangate
