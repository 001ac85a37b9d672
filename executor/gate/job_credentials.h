#pragma once
// Credentials that the job wrote itself, as its own tools would read them: docker's config.json and the files of podman
// and kaniko. Read inside the job's root; no credential helper is ever run, for it would be the job's program.
#include <memory>
#include <string>
#include <vector>

#include "executor/gate/call.h"
#include "executor/gate/image_commands.h"

namespace scangate {

enum class AuthFiles {
  docker,      // DOCKER_CONFIG, ~/.docker
  containers,  // podman, buildah, skopeo: REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, ~/.config/containers, then docker's
  kaniko,      // DOCKER_CONFIG, /kaniko/.docker
};

// Files that docker and podman write have some hundred bytes.
inline constexpr std::size_t kMaxAuthFileBytes = 1U << 20U;

// The first of the program's places where there is a file; `named` is what the command line says (--config's folder for
// docker, --authfile for the others) and comes before all others; "" when it says nothing. Values are revealed for the
// host they are written for, and only for that. Null when there is no file, and for one that cannot be read as such,
// which `notes` tells, as it does of helpers that are not run.
std::shared_ptr<CredentialSource> job_credentials(const GateCall& call, const ImageCommands& images, AuthFiles files,
                                                  const std::string& named, std::vector<std::string>& notes);

}  // namespace scangate
