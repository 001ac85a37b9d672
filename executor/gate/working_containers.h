#pragma once
// Working containers as buildah has them: an image under construction, changed step by step. Each step is a build of
// one instruction on what the container was, so it goes through the same builder, sandbox and layers as a Dockerfile's.
#include <optional>
#include <string>
#include <vector>

#include "executor/gate/image_commands.h"

namespace scangate {

// More in one job than any script makes by hand; each is a small file.
inline constexpr std::size_t kMaxWorkingContainers = 1'000;

// Of one job, kept as files in its state folder: they last from one script of the job to the next, and go with it. One
// container is changed by one command at a time; several at once are each as the last to end left it.
class WorkingContainers {
 public:
  explicit WorkingContainers(ImageCommands& images);

  // Begins one on an image of the store; nullopt is an empty one. `name` empty: made from `image_name`. Gives the name.
  // Errors: Fault::user for a name that is taken or no name.
  Result<std::string> begin(const std::string& name, const std::string& image_name, const std::optional<Digest>& image);
  // The image it is now; nullopt for an empty one. Errors: Fault::user when there is no such container.
  Result<std::optional<Digest>> image(const std::string& name) const;
  // Configuration of the image it is now.
  Result<ImageConfig> config(const std::string& name) const;
  Result<void> remove(const std::string& name);
  std::vector<std::string> names() const;

  struct Step {
    std::string instructions;     // Dockerfile lines that follow FROM
    std::string title;            // how messages and reports call it: "buildah run"
    command::BuildRequest build;  // context, build arguments, network; its Dockerfile is made here
  };
  // The exit code of the step's program, 0 when the container was changed.
  Result<int> apply(GateCall& call, const std::string& name, Step step, Progress& progress);

 private:
  std::filesystem::path file_of(const std::string& name) const { return folder_ / name; }

  ImageCommands& images_;
  std::filesystem::path folder_;
};

}  // namespace scangate
