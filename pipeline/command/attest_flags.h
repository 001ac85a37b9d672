#pragma once
// --sbom, --provenance and --attest of build commands: docker's, buildx's and our own.
// https://docs.docker.com/reference/cli/docker/buildx/build/, "--attest", "--provenance" and "--sbom".
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "pipeline/command/flags.h"

namespace scangate::command {

struct ProvenanceFlag {
  bool max = false;      // mode=max
  bool slsa_v1 = false;  // version=v1
  std::string builder_id;
  bool reproducible = false;
  bool operator==(const ProvenanceFlag&) const = default;
};

// Nothing is attached that was not asked for.
struct AttestFlags {
  bool sbom = false;
  std::optional<ProvenanceFlag> provenance;
  // Whether each was said already: of two that contradict each other neither is what was meant.
  bool sbom_said = false;
  bool provenance_said = false;
};

// "true", "false", or attributes: "generator=…" of --sbom, "mode=max" of --provenance; --attest begins with "type=".
// Errors: Fault::user for what is unknown, said twice, or not served: a generator's image is not run.
Result<void> take_sbom_flag(const std::string& value, AttestFlags& into);
Result<void> take_provenance_flag(const std::string& value, AttestFlags& into);
Result<void> take_attest_flag(const std::string& value, AttestFlags& into);

// Adds all three. `into` outlives the parse.
void add_attest_flags(std::vector<Flag>& flags, AttestFlags& into);

}  // namespace scangate::command
