#pragma once
// Command lines of skopeo as typed requests. Pure; what is not served is refused by name.
// Source: skopeo(1) and its commands' pages, as of version 1.9 (Debian 12) and 1.16.
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/command/docker.h"
#include "pipeline/command/image_location.h"
#include "pipeline/command/registry_login.h"

namespace scangate::command {

struct SkopeoCopy {
  ImageLocation source;
  ImageLocation target;
  RegistryLogin source_login;
  RegistryLogin target_login;
  std::vector<std::string> additional_tags;
  std::string digestfile;
  bool all = false;  // every platform of an index
  bool quiet = false;
};

struct SkopeoInspect {
  ImageLocation image;
  RegistryLogin login;
  std::string format;
  bool raw = false;
  bool config = false;
  bool no_tags = false;
};

struct SkopeoListTags {
  ImageLocation repository;
  RegistryLogin login;
};

using SkopeoRequest = std::variant<SkopeoCopy, SkopeoInspect, SkopeoListTags, LoginRequest, LogoutRequest, HelpRequest>;

struct SkopeoCommand {
  SkopeoRequest request;
  std::string platform;            // --override-os, --override-arch, --override-variant; empty: this host's
  std::string authfile;            // of login and logout
  std::vector<std::string> notes;  // flags that do nothing here
};

// `args`: what comes after the program's name. Errors: Fault::user.
Result<SkopeoCommand> parse_skopeo(std::span<const std::string> args);

}  // namespace scangate::command
