#pragma once
// What `RUN --mount=…` asks for: the options of each type, checked. docs.docker.com/reference/dockerfile, "RUN
// --mount".
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "pipeline/dockerfile/ast.h"

namespace scangate::build {

// Each is a mount of its own, a lock or a thread; Dockerfiles have a handful.
inline constexpr std::size_t kMaxRunMounts = 100;

enum class MountType { bind, cache, tmpfs, secret, ssh };
std::string_view mount_type_name(MountType type);

enum class Sharing {
  shared,      // several at once
  separately,  // "private": who comes while it is in use gets another one
  locked,      // one after the other
};

struct RunMount {
  MountType type = MountType::bind;
  dockerfile::Place place;
  std::optional<dockerfile::Word> from;  // bind, cache; absent: the context for bind, nothing for cache
  std::string source;                    // bind, cache: clean, relative to the root of `from`; empty: all of it
  std::string target;                    // absolute and clean; empty for a secret that is only a variable
  bool read_only = true;                 // a bind that is not: what is written is thrown away
  std::string id;                        // cache, secret, ssh
  Sharing sharing = Sharing::shared;
  bool required = false;                        // secret, ssh
  std::optional<std::uint32_t> mode, uid, gid;  // cache, secret, ssh; absent: the type's own
  std::optional<std::string> variable;          // secret: name of an environment variable that gets it
  std::optional<std::uint64_t> size_bytes;      // tmpfs

  // All of the above, for the step's key: no value of a secret is in it.
  std::string text() const;
};

using ExpandText = std::function<Result<std::string>(const std::string& text)>;

// `number` counts the ssh mounts of the step before this one. Errors: Fault::user without place: an option that the
// type does not have, a value that is not one.
Result<RunMount> read_run_mount(const dockerfile::Mount& mount, const ExpandText& expand,
                                const std::string& working_directory, std::size_t number);

}  // namespace scangate::build
