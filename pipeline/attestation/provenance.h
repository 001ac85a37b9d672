#pragma once
// How an image was built, as SLSA provenance: https://slsa.dev/spec/v0.2/provenance,
// https://slsa.dev/spec/v1.0/provenance.
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "pipeline/build/build.h"

namespace scangate {

// What `buildType` says the other members mean: docs/dockerfile.md, "Attestations".
inline constexpr std::string_view kProvenanceBuildType = "scangate:dockerfile@v1";

struct ProvenanceOrder {
  enum class Mode {
    min,  // what it was built from, where and when
    max,  // and with what: build arguments, labels, the Dockerfile, where each layer comes from
  };
  enum class Slsa { v0_2, v1 };
  Mode mode = Mode::min;
  Slsa slsa = Slsa::v0_2;
  std::string builder_id;     // a URI; empty: scangate's own
  bool reproducible = false;  // what the caller claims
};

// What the build's own request and result do not say.
struct ProvenanceFacts {
  std::string tool_version;
  std::string invocation_id;  // the job's address; may be empty
  std::string source;         // the project's address; may be empty
  std::string revision;       // the commit the context was made from, as the job's server says; may be empty
  TimePoint started{}, finished{};
  // True for a text with a credential in it, or with what stands for one: it is then left out. May be empty.
  std::function<bool(std::string_view text)> holds_credential;
};

// The predicate, a JSON object. Values of build arguments whose name says that they are secrets, values of secrets, and
// what `holds_credential` finds are in none of it; then it says itself that its parameters are not complete. Times and
// the invocation are left out when SOURCE_DATE_EPOCH fixes the times of the image: the same input then gives the same
// bytes.
std::string provenance_predicate(const ProvenanceOrder& order, const BuildRequest& request, const BuiltImage& built,
                                 const ProvenanceFacts& facts);

}  // namespace scangate
