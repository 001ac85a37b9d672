#include "scan/policy/condition.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "scan/model/fix_name.h"

namespace scangate {
namespace {

struct Ports {
  int low = 0;
  int high = 0;
  std::string protocol;
};

std::optional<int> port_number(std::string_view digits) {
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

// "22/tcp", "8000-8010"; without a protocol it is tcp (OCI image-spec v1.1, config.md, "ExposedPorts").
std::optional<Ports> parse_ports(std::string_view text) {
  const auto slash = text.find('/');
  const std::string_view numbers = text.substr(0, slash);
  const auto dash = numbers.find('-');
  const auto low = port_number(numbers.substr(0, dash));
  const auto high = dash == std::string_view::npos ? low : port_number(numbers.substr(dash + 1));
  if (!low || !high) return std::nullopt;
  return Ports{*low, *high, slash == std::string_view::npos ? "tcp" : to_lower(text.substr(slash + 1))};
}

// A listed port stops when any of the exposed ones is it; the list of allowed ones has to hold all of them.
bool port_matches(const PortCondition& condition, const Finding& finding) {
  if (finding.id != "exposed-port") return false;
  const auto ports = parse_ports(finding.detail);
  if (!ports) return condition.except;
  const bool listed = std::any_of(condition.ports.begin(), condition.ports.end(), [&](const PortPattern& one) {
    if (!one.protocol.empty() && one.protocol != ports->protocol) return false;
    return condition.except ? ports->low >= one.low && ports->high <= one.high
                            : ports->low <= one.high && ports->high >= one.low;
  });
  return listed != condition.except;
}

bool id_matches(const std::vector<std::string>& globs, const Finding& finding) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return glob_matches(glob, finding.id) ||
           std::any_of(finding.aliases.begin(), finding.aliases.end(),
                       [&](const std::string& alias) { return glob_matches(glob, alias); });
  });
}

bool package_listed(const std::vector<PackagePattern>& patterns, const Package& package) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const PackagePattern& pattern) { return package_matches(pattern, package); });
}

template <class List, class Name>
std::string alternatives(const List& list, const Name& name) {
  std::string text;
  for (const auto& one : list) {
    if (!text.empty()) text += " or ";
    text += name(one);
  }
  return text;
}

std::string describe_port(const PortPattern& port) {
  std::string text = std::to_string(port.low);
  if (port.high != port.low) text += "-" + std::to_string(port.high);
  if (!port.protocol.empty()) text += "/" + port.protocol;
  return text;
}

}  // namespace

bool is_denied(const InstalledCondition& condition, const Package& package) {
  return package_listed(condition.packages, package) != condition.except;
}

bool condition_matches(const Condition& condition, const Finding& finding) {
  if (!condition.kinds.empty() && !condition.kinds.contains(finding.kind)) return false;
  if (!condition.ids.empty() && !id_matches(condition.ids, finding)) return false;
  if (!condition.severities.empty() && !condition.severities.contains(finding.severity)) return false;
  if (!condition.fixes.empty() && !condition.fixes.contains(finding.fix)) return false;
  if (condition.port && !port_matches(*condition.port, finding)) return false;
  if (condition.root_user && finding.id != "root-user") return false;
  if (condition.secret_env && finding.id != "secret-in-env") return false;
  if (!condition.packages.empty() && (!finding.package || !package_listed(condition.packages, *finding.package)))
    return false;
  if (condition.installed &&
      (finding.id != kDeniedPackage || !finding.package || !is_denied(*condition.installed, *finding.package)))
    return false;
  if (condition.origin && finding.in_base != (*condition.origin == Origin::base)) return false;
  return true;
}

std::string describe_condition(const Condition& condition) {
  std::vector<std::string> parts;
  if (!condition.kinds.empty()) parts.push_back(alternatives(condition.kinds, finding_kind_name));
  if (!condition.ids.empty()) parts.push_back(alternatives(condition.ids, [](const auto& id) { return id; }));
  if (!condition.severities.empty()) parts.push_back("severity " + alternatives(condition.severities, severity_name));
  if (!condition.fixes.empty()) parts.push_back("fix " + alternatives(condition.fixes, fix_name));
  if (condition.port)
    parts.push_back((condition.port->except ? "port other than " : "port ") +
                    alternatives(condition.port->ports, describe_port));
  if (condition.root_user) parts.emplace_back("runs as root");
  if (condition.secret_env) parts.emplace_back("secret in ENV");
  if (!condition.packages.empty()) parts.push_back("package " + alternatives(condition.packages, describe_pattern));
  if (condition.installed)
    parts.push_back((condition.installed->except ? "installed other than " : "installed ") +
                    alternatives(condition.installed->packages, describe_pattern));
  if (condition.origin)
    parts.emplace_back(*condition.origin == Origin::base ? "from the base image" : "from own layers");
  if (parts.empty()) return "every finding";
  std::string text;
  for (const auto& part : parts)
    text += (text.empty() ? "" : ", ") + part;
  return text;
}

}  // namespace scangate
