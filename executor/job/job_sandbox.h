#pragma once
// Where a job's scripts run: the host's tool root, or the job's image on an overlay.
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/process.h"
#include "executor/engine/engine.h"
#include "executor/job/container.h"

namespace scangate {

struct JobScript {
  int script_fd = -1;                    // the shell reads it as its standard input
  std::vector<std::string> environment;  // added to the root's own
  std::string directory = "/";
  std::vector<SandboxMount> mounts;  // the job's folders, at the paths its scripts expect
  std::optional<std::filesystem::path>
      gate_folder;                      // mounted at wire::kFolder: socket and shim; its bin comes first on PATH
  const JobNetwork* network = nullptr;  // absent: the host's
  NameFiles names;
  int stdout_fd = 1;
  int stderr_fd = 2;
};

// Runs a script with the host's programs. `folder` holds the mount points and is the caller's to remove.
Result<Exit> run_in_tool_root(Engine& engine, const std::filesystem::path& folder, const JobScript& script,
                              const Cancel& cancel, Progress& progress);

// Runs it in an image of the store: the image's entrypoint gets the shell as its arguments, as in GitLab Runner's
// docker executor. What it changes in the root stays in `kept_root` for the job's next script. The job's folders become
// its user's, as that executor has it.
Result<Exit> run_in_image(Engine& engine, const ContainerImage& image, const std::filesystem::path& kept_root,
                          const JobScript& script, const Cancel& cancel, Progress& progress);

// Fills `folder` with the shim under every name it answers to, below bin/. `shim` is the static program.
Result<void> make_gate_folder(const std::filesystem::path& folder, const std::filesystem::path& shim,
                              std::span<const std::string_view> names);

}  // namespace scangate
