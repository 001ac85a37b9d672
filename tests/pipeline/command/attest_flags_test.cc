#include "pipeline/command/attest_flags.h"

#include <gtest/gtest.h>

namespace scangate::command {
namespace {

struct Words {
  std::vector<std::pair<std::string, std::string>> flags;  // name, value
};

Result<AttestFlags> taken(const Words& words) {
  AttestFlags out;
  for (const auto& [name, value] : words.flags) {
    const auto done = name == "sbom"         ? take_sbom_flag(value, out)
                      : name == "provenance" ? take_provenance_flag(value, out)
                                             : take_attest_flag(value, out);
    if (!done) return fail(done.error());
  }
  return out;
}

std::string said(const Words& words) {
  const auto flags = taken(words);
  if (!flags) return flags.error().text();
  std::string out = flags->sbom ? "sbom" : "";
  if (const auto& each = flags->provenance)
    out += fmt::format(" {} {} '{}'{}", each->max ? "max" : "min", each->slsa_v1 ? "v1" : "v0.2", each->builder_id,
                       each->reproducible ? " reproducible" : "");
  return out;
}

TEST(AttestFlags, SayWhatIsAttached) {
  const std::pair<Words, std::string> rows[] = {
      {{{{"sbom", "true"}}}, "sbom"},
      {{{{"sbom", "false"}}}, ""},
      {{{{"sbom", "disabled=true"}}}, ""},
      {{{{"attest", "type=sbom"}}}, "sbom"},
      {{{{"provenance", "true"}}}, " min v0.2 ''"},
      {{{{"provenance", "1"}}}, " min v0.2 ''"},
      {{{{"provenance", "false"}}}, ""},
      {{{{"provenance", "mode=max"}}}, " max v0.2 ''"},
      {{{{"provenance", "mode=max,version=v1,builder-id=https://ci.example/1"}}}, " max v1 'https://ci.example/1'"},
      {{{{"attest", "type=provenance,mode=min,reproducible=true"}}}, " min v0.2 '' reproducible"},
      {{{{"attest", "mode=max,type=provenance"}, {"sbom", "true"}}}, "sbom max v0.2 ''"},
  };
  for (const auto& [words, expected] : rows)
    EXPECT_EQ(said(words), expected) << words.flags.front().second;
}

TEST(AttestFlags, RefuseWhatIsNotServed) {
  const std::pair<Words, std::string> rows[] = {
      {{{{"sbom", "generator=docker/scout-sbom-indexer"}}},
       "the generator 'docker/scout-sbom-indexer' is not run: the SBOM is made of what is found in the layers while "
       "they "
       "are written; use --sbom=true"},
      {{{{"sbom", "maybe"}}}, "'maybe' is not NAME=VALUE"},
      {{{{"sbom", "disabled=maybe"}}}, "disabled='maybe' is neither true nor false"},
      {{{{"sbom", "mode=max"}}}, "'mode' is no attribute of an SBOM, which are disabled and generator"},
      {{{{"provenance", "mode=full"}}}, "mode='full' is neither min nor max"},
      {{{{"provenance", "version=v2"}}}, "version='v2' is neither v0.2 nor v1"},
      {{{{"provenance", "inline-only=true"}}},
       "'inline-only' is no attribute of provenance, which are mode, version, builder-id, reproducible and disabled"},
      {{{{"attest", "type=vex"}}}, "type='vex' is neither sbom nor provenance"},
      {{{{"attest", "mode=max"}}}, "it has no type=sbom or type=provenance"},
      {{{{"sbom", "true"}, {"attest", "type=sbom"}}}, "an SBOM is asked for twice"},
      {{{{"provenance", "false"}, {"attest", "type=provenance"}}}, "provenance is asked for twice"},
  };
  for (const auto& [words, expected] : rows)
    EXPECT_EQ(said(words), expected);
}

}  // namespace
}  // namespace scangate::command
