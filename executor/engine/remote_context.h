#pragma once
// Build contexts that lie elsewhere: git repositories, and tars or Dockerfiles by their URL. Source:
// https://docs.docker.com/build/concepts/context/, "Remote context".
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/file.h"
#include "base/http/http.h"
#include "base/progress.h"
#include "pipeline/build/build.h"
#include "pipeline/image/store.h"

namespace scangate {

// A credential in an address for the host it is asked from; what it gives is never printed.
using RevealFor = std::function<std::string(std::string_view text, const std::string& host)>;

struct RemoteContext {
  TempDir holder;                         // of the folder
  std::filesystem::path folder;           // its files
  std::optional<std::string> dockerfile;  // it was a Dockerfile and no tar: the folder is empty then
  BuildMaterial material;                 // what it was
};

// Where it is fetched from and into; all outlive the call.
struct RemoteContextHost {
  Store& store;
  HttpTransport& transport;
  ProcessRunner& runner;
  GitSourceOptions git;
  RevealFor reveal = {};
};

// A git repository, or an http(s) URL: not a folder. Errors: Fault::user for a malformed address of a repository.
Result<bool> is_remote_context(std::string_view address);

// Errors: Fault::user for an answer that is no success, what is neither a tar nor text, a tar that leads outside or
// holds too much; Fault::remote.
Result<RemoteContext> fetch_remote_context(const RemoteContextHost& host, const std::string& address,
                                           const Cancel& cancel);

// Makes it the context of `request`. `dockerfile` (-f) is in it; a text that `request` has already stays. Errors:
// Fault::user for -f where the context is a Dockerfile alone.
Result<void> use_remote_context(RemoteContext& context, const std::string& dockerfile, BuildRequest& request);

}  // namespace scangate
