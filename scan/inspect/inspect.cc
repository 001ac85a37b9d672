#include "scan/inspect/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/text.h"
#include "scan/inspect/secret_names.h"

namespace scangate {
namespace {

// Config fields are a few dozen at most; a hostile config of 4 MB (the registries' limit) holds 500,000 ports.
constexpr std::size_t kMaxFindingsPerRule = 1'000;
// finding.h: titles.
constexpr std::size_t kMaxTitleBytes = 200;
// Names and ports as they appear in a finding.
constexpr std::size_t kMaxDetailBytes = 120;

std::string shortened(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)  // not inside a UTF-8 sequence
    --end;
  return text.substr(0, end) + "...";
}

std::string one_line(std::string_view text, std::size_t limit) {
  std::string line = printable(text.substr(0, limit));
  std::ranges::replace(line, '\n', ' ');
  std::ranges::replace(line, '\t', ' ');
  return shortened(std::move(line), limit);
}

struct Told {
  Severity severity = Severity::low;
  std::string detail;
  std::string title;
  std::string remedy;
  std::string place_key;  // into ImageFacts::config_places
};

Finding finding_of(const ImageFacts& image, std::string_view rule_id, Told told) {
  const auto rule =
      std::ranges::find(inspect_rules(), rule_id, [](const InspectRule& each) { return std::string_view(each.id); });
  Finding finding;
  finding.kind = FindingKind::config;
  finding.id = rule_id;
  finding.severity = told.severity;
  finding.severity_source = "rule";
  finding.title = shortened(std::move(told.title), kMaxTitleBytes);
  finding.description = rule->description;
  finding.detail = std::move(told.detail);
  finding.remedy = std::move(told.remedy);
  if (const auto place = image.config_places.find(told.place_key); place != image.config_places.end())
    finding.place = place->second;
  finding.sources = {"native"};
  return finding;
}

// "Dockerfile:7" for an instruction of this build, else words for it.
std::string where(const ImageFacts& image, const std::string& place_key, std::string_view instruction) {
  if (const auto place = image.config_places.find(place_key); place != image.config_places.end())
    return fmt::format("{} in {}:{}", instruction, place->second.file, place->second.line);
  return fmt::format("{} in the Dockerfile", instruction);
}

// A field that our Dockerfile did not set came with the base image.
bool is_inherited(const ImageFacts& image, const std::string& place_key) {
  return image.dockerfile.has_value() && !image.base_name.empty() && !image.config_places.contains(place_key);
}

// First and last port of "22", "22/tcp" or "8000-8010/udp"; nullopt when it is none of these.
std::optional<std::pair<int, int>> ports_of(std::string_view text) {
  text = text.substr(0, text.find('/'));
  const auto number = [](std::string_view digits) -> std::optional<int> {
    int value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 0 || value > 65535) return std::nullopt;
    return value;
  };
  const std::size_t dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return std::pair(*first, *last);
}

// Ports by which a machine is administered, and what listens there.
std::string_view administered_by(std::string_view port) {
  static constexpr std::pair<int, std::string_view> kPorts[] = {
      {22, "SSH"}, {23, "Telnet"}, {2375, "the Docker API without TLS"}, {3389, "Remote Desktop"}};
  const auto range = ports_of(port);
  if (range)
    for (const auto& [number, service] : kPorts)
      if (number >= range->first && number <= range->second) return service;
  return {};
}

void inspect_ports(const ImageFacts& image, std::vector<Finding>& findings) {
  std::set<std::string> seen;
  for (const std::string& port : image.config.exposed_ports) {
    if (seen.size() >= kMaxFindingsPerRule) return;
    std::string detail = one_line(port, kMaxDetailBytes);
    if (detail.find('/') == std::string::npos) detail += "/tcp";  // OCI image-spec, config.md, "ExposedPorts"
    if (!seen.insert(detail).second) continue;
    const std::string key = "EXPOSE " + (image.config_places.contains("EXPOSE " + port) ? port : detail);
    const std::string_view service = administered_by(port);
    Told told{.severity = service.empty() ? Severity::low : Severity::medium, .detail = detail, .place_key = key};
    told.title = service.empty() ? fmt::format("Port {} is exposed", detail)
                                 : fmt::format("Port {} ({}) is exposed", detail, service);
    const std::string instruction = "EXPOSE " + detail;
    told.remedy = is_inherited(image, key)
                      ? fmt::format("use a base image other than {}, which exposes it",
                                    one_line(image.base_name, kMaxDetailBytes))
                      : fmt::format("remove {} unless clients need it", where(image, key, instruction));
    Finding finding = finding_of(image, "exposed-port", std::move(told));
    finding.in_base = is_inherited(image, key);
    findings.push_back(std::move(finding));
  }
}

enum class RootUser { no, unset, named };

// Docker: "user", "user:group", "uid", "uid:gid"; no user is root.
RootUser root_user_of(std::string_view user) {
  user = trim(user);
  user = user.substr(0, user.find(':'));
  if (user.empty()) return RootUser::unset;
  if (user == "root" || user.find_first_not_of('0') == std::string_view::npos) return RootUser::named;
  return RootUser::no;
}

void inspect_user(const ImageFacts& image, std::vector<Finding>& findings) {
  const RootUser root = root_user_of(image.config.user);
  if (root == RootUser::no) return;
  const bool named = root == RootUser::named;
  Told told{.severity = named ? Severity::medium : Severity::low, .place_key = "USER"};
  told.title = named ? fmt::format("The image runs as {}", one_line(image.config.user, kMaxDetailBytes))
                     : "The image names no user and runs as root";
  told.remedy = named && image.config_places.contains("USER")
                    ? fmt::format("name an unprivileged user as the last {}", where(image, "USER", "USER"))
                    : "add USER with an unprivileged user to the last stage of the Dockerfile";
  findings.push_back(finding_of(image, "root-user", std::move(told)));
}

void inspect_environment(const ImageFacts& image, std::vector<Finding>& findings) {
  std::set<std::string_view> seen;
  for (const std::string& variable : image.config.environment) {
    if (seen.size() >= kMaxFindingsPerRule) return;
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos) continue;
    const std::string_view name = std::string_view(variable).substr(0, equals);
    if (!is_secret_name(name) || !may_be_secret_value(std::string_view(variable).substr(equals + 1))) continue;
    if (!seen.insert(name).second) continue;
    const std::string key = "ENV " + std::string(name);
    const std::string detail = one_line(name, kMaxDetailBytes);
    Told told{.severity = Severity::high, .detail = detail, .place_key = key};
    told.title = fmt::format("Environment variable {} looks like a secret", detail);
    told.remedy = is_inherited(image, key)
                      ? fmt::format("revoke it and use a base image other than {}, which sets it",
                                    one_line(image.base_name, kMaxDetailBytes))
                      : fmt::format(
                            "revoke it, remove {}, and give it to the container when it starts, or to RUN with "
                            "--mount=type=secret",
                            where(image, key, "ENV " + detail));
    Finding finding = finding_of(image, "secret-in-env", std::move(told));
    finding.in_base = is_inherited(image, key);
    findings.push_back(std::move(finding));
  }
}

void inspect_healthcheck(const ImageFacts& image, std::vector<Finding>& findings) {
  if (image.config.has_healthcheck) return;
  findings.push_back(finding_of(image, "no-healthcheck",
                                {.severity = Severity::negligible,
                                 .title = "The image has no health check",
                                 .remedy = "add HEALTHCHECK to the last stage of the Dockerfile",
                                 .place_key = "HEALTHCHECK"}));
}

// A reference without digest whose tag is "latest" or absent; the colon of "localhost:5000/app" is a port's.
bool is_unpinned(std::string_view reference) {
  if (reference.empty() || reference == "scratch" || reference.find('@') != std::string_view::npos) return false;
  const std::size_t slash = reference.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? reference : reference.substr(slash + 1);
  const std::size_t colon = last.find(':');
  return colon == std::string_view::npos || last.substr(colon + 1) == "latest";
}

void inspect_base(const ImageFacts& image, std::vector<Finding>& findings) {
  if (!is_unpinned(image.base_name)) return;
  const std::string base = one_line(image.base_name, kMaxDetailBytes);
  findings.push_back(
      finding_of(image, "latest-base",
                 {.severity = Severity::low,
                  .detail = base,
                  .title = fmt::format("Base image {} has no fixed version", base),
                  .remedy = fmt::format("name a version and a digest in {}", where(image, "FROM", "FROM")),
                  .place_key = "FROM"}));
}

}  // namespace

const std::vector<InspectRule>& inspect_rules() {
  static const std::vector<InspectRule> kRules = {
      {"exposed-port", "Exposed ports",
       "The image declares a port. Ports of remote administration (22, 23, 2375, 3389) open a way in beside the "
       "application; a container is administered from outside."},
      {"root-user", "Runs as root",
       "The image's user is root or not set, so that a flaw in the application gives root in the container."},
      {"secret-in-env", "Secrets in environment variables",
       "By its name, an environment variable of the image holds a secret. Everyone who can pull the image can read "
       "it."},
      {"no-healthcheck", "Health check",
       "The image declares no HEALTHCHECK, so that a runtime cannot tell a hung application from a healthy one."},
      {"latest-base", "Base image without a fixed version",
       "The base image is named with the tag latest or without a tag, so that two builds of one commit may differ."},
  };
  return kRules;
}

std::vector<Finding> inspect_image(const ImageFacts& image, const Inventory& /*inventory*/) {
  std::vector<Finding> findings;
  inspect_ports(image, findings);
  inspect_user(image, findings);
  inspect_environment(image, findings);
  inspect_healthcheck(image, findings);
  inspect_base(image, findings);
  return findings;
}

}  // namespace scangate
