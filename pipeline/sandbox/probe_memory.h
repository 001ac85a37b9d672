#pragma once
// What a probe found, remembered for the processes after this one: a runner calls us once a stage, and trying a runtime
// out costs as much as running the stage. Forgotten when the machine is booted, a runtime is replaced, our rights
// change, or after an hour.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace scangate {

struct ProbeResult {
  std::string runtime;  // "crun"
  std::string version;
  std::string refused;  // those that were tried before it, and why not; may be empty
};

class ProbeMemory {
 public:
  // `folder` is ours alone; `runtime`: the setting; `programs`: paths of the candidates, those that are installed.
  ProbeMemory(const std::filesystem::path& folder, const std::string& runtime,
              const std::vector<std::string>& programs);
  // nullopt when nothing is known, or it is no longer sure.
  std::optional<ProbeResult> recall() const;
  // A failure to write is no failure: the next process tries again.
  void remember(const ProbeResult& result) const;

 private:
  std::filesystem::path file_;
  std::string key_;  // empty: nothing can be remembered here
};

}  // namespace scangate
