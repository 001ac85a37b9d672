#pragma once
// Image references as users write them. Grammar: distribution-spec v1.1, "Pulling manifests", and docker's familiar
// names.
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/error.h"

namespace scangate {

// "debian" is docker.io/library/debian:latest; "127.0.0.1:5000/app@sha256:…" keeps host and digest. A value.
struct Reference {
  std::string registry;    // "docker.io", "127.0.0.1:5000"
  std::string repository;  // "library/debian"
  std::string tag;         // empty only when a digest is given
  std::optional<Digest> digest;

  // Errors: Fault::user naming the part that is wrong (upper case in the repository, empty tag, bad digest).
  static Result<Reference> parse(std::string_view text);
  std::string str() const;       // complete: "docker.io/library/debian:bookworm"
  std::string familiar() const;  // as docker shows it: "debian:bookworm"
  auto operator<=>(const Reference&) const = default;
};

}  // namespace scangate
