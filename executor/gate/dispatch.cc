#include "executor/gate/dispatch.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "executor/gate/compose_front.h"
#include "executor/gate/docker_front.h"
#include "executor/gate/tool_fronts.h"

namespace scangate {
namespace {

using Front = int (*)(ImageCommands& images, GateCall& call);

struct Program {
  std::string_view name;
  Front serve;
};

constexpr std::array<Program, 11> kPrograms = {{
    {"aws", serve_aws},
    {"buildah", serve_buildah},
    {"crane", serve_crane},
    {"docker", serve_docker},
    {"docker-compose", serve_compose},
    {"executor", serve_kaniko},
    {"inline_scan", serve_inline_scan},
    {"inline_scan.sh", serve_inline_scan},
    {"nerdctl", serve_docker},
    {"podman", serve_podman},
    {"skopeo", serve_skopeo},
}};

constexpr auto kNames = [] {
  std::array<std::string_view, kPrograms.size()> out{};
  for (std::size_t i = 0; i < kPrograms.size(); ++i)
    out[i] = kPrograms[i].name;
  return out;
}();

}  // namespace

std::span<const std::string_view> served_programs() {
  return kNames;
}

int dispatch(ImageCommands& images, GateRequest& request, const Cancel& cancel) {
  GateCall call(request, cancel, images.context().log_sections);
  const std::string name = call.program();
  const auto found =
      std::find_if(kPrograms.begin(), kPrograms.end(), [&](const Program& program) { return program.name == name; });
  if (found == kPrograms.end())
    return call.fail_with(
        Error(Fault::user, fmt::format("'{}' is no program that the image gate serves", printable(name)))
            .remedy(fmt::format("it serves {}", fmt::join(kNames, ", "))));
  return found->serve(images, call);
}

}  // namespace scangate
