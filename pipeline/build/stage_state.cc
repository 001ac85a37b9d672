#include "pipeline/build/stage_state.h"

namespace scangate::build {

std::vector<StackedLayer> StageState::stack() const {
  std::vector<StackedLayer> out;
  for (const StageLayer& each : layers)
    out.push_back(each.layer);
  return out;
}

std::vector<DiffId> StageState::diff_ids() const {
  std::vector<DiffId> out;
  for (const StageLayer& each : layers)
    out.push_back(each.layer.diff_id);
  return out;
}

std::string StageState::chain_text() const {
  std::string out;
  for (const StageLayer& each : layers)
    out += each.layer.diff_id.digest.hex();
  return out;
}

std::optional<std::string> environment_value(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& each : environment) {
    if (each.size() > name.size() && each[name.size()] == '=' && each.starts_with(name))
      return each.substr(name.size() + 1);
  }
  return std::nullopt;
}

void set_environment(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
  std::string text = name + "=" + value;
  for (std::string& each : environment) {
    if (each.starts_with(name + "=")) {
      each = std::move(text);
      return;
    }
  }
  environment.push_back(std::move(text));
}

}  // namespace scangate::build
