#pragma once
// Command lines of crane as typed requests. Pure; what is not served is refused by name.
// Source: https://github.com/google/go-containerregistry/tree/main/cmd/crane/doc
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/command/docker.h"

namespace scangate::command {

// `crane copy|cp SOURCE TARGET`, from registry to registry; `crane tag IMAGE TAG` is one too.
struct CraneCopy {
  std::string source;
  std::string target;  // for tag: only the new tag
  bool is_tag = false;
};

// `crane push PATH IMAGE`: a docker-archive or an OCI layout folder.
struct CranePush {
  std::string path;
  std::string target;
  std::string image_refs;  // file that gets the name with its digest
};

struct CranePull {
  std::vector<std::string> images;
  std::string path;
  std::string format;  // "tarball", "oci"
};

struct CraneShow {
  enum class What { digest, manifest, config, tags };
  What what = What::digest;
  std::string image;
  bool full_name = false;  // --full-ref of digest and ls
};

using CraneRequest = std::variant<CraneCopy, CranePush, CranePull, CraneShow, LoginRequest, LogoutRequest, HelpRequest>;

struct CraneCommand {
  CraneRequest request;
  std::string platform;            // --platform; empty: all of an index
  std::vector<std::string> notes;  // flags that do nothing here
};

// `args`: what comes after the program's name. Errors: Fault::user.
Result<CraneCommand> parse_crane(std::span<const std::string> args);

}  // namespace scangate::command
