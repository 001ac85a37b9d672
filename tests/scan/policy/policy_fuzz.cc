// Any text as a policy: parsing ends, and what it gives can decide.
#include <cstdint>
#include <string_view>

#include "scan/policy/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate;
  const auto policy = Policy::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!policy) return 0;
  ScanResult result;
  Finding finding;
  finding.id = "CVE-2024-1";
  finding.package.emplace();
  finding.package->type = "deb";
  finding.package->name = "openssl";
  finding.package->version = "3.0";
  result.findings.push_back(finding);
  finding.id = "exposed-port";
  finding.kind = FindingKind::config;
  finding.detail = "22/tcp";
  result.findings.push_back(finding);
  const FixedClock clock(TimePoint{});
  static_cast<void>(policy->decide(result, clock));
  static_cast<void>(Policy::builtin_default().tightened_by(*policy).decide(result, clock));
  return 0;
}
