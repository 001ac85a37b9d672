#include "pipeline/command/scanner.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace scangate::command {
namespace {

using Names = std::vector<std::string_view>;

struct Scanner {
  std::string_view name;
  Names repositories;  // ends of the repository, without registry host and tag
  Names programs;      // first words that are the program itself
  Names verbs;         // that scan an image
  Names other_verbs;   // that scan something else
  Names idle_verbs;    // that scan nothing
  Names switches;      // flags without a value
  Names output_flags;  // the report's file
  Names format_flags;
};

const std::vector<Scanner>& scanners() {
  static const std::vector<Scanner> all = {
      {.name = "Trivy",
       .repositories = {"aquasec/trivy", "aquasecurity/trivy", "trivy"},
       .programs = {"trivy"},
       .verbs = {"image", "i", "client"},
       .other_verbs = {"fs", "filesystem", "rootfs", "repo", "repository", "config", "conf", "k8s", "kubernetes",
                       "sbom", "vm", "aws", "server"},
       .idle_verbs = {"version", "help", "clean", "plugin"},
       .switches = {"--no-progress",
                    "--ignore-unfixed",
                    "--quiet",
                    "-q",
                    "--debug",
                    "-d",
                    "--clear-cache",
                    "-c",
                    "--reset",
                    "--skip-db-update",
                    "--skip-update",
                    "--skip-java-db-update",
                    "--skip-check-update",
                    "--skip-policy-update",
                    "--skip-vex-repo-update",
                    "--skip-version-check",
                    "--download-db-only",
                    "--download-java-db-only",
                    "--list-all-pkgs",
                    "--insecure",
                    "--light",
                    "--version",
                    "-v",
                    "--offline-scan",
                    "--dependency-tree",
                    "--removed-pkgs",
                    "--include-non-failures",
                    "--include-dev-deps",
                    "--auto-refresh",
                    "--generate-default-config",
                    "--disable-telemetry",
                    "--license-full",
                    "--no-tty",
                    "--show-suppressed",
                    "--help",
                    "-h",
                    "--cache-backend-tls"},
       .output_flags = {"--output", "-o"},
       .format_flags = {"--format", "-f", "--template", "-t"}},
      {.name = "Grype",
       .repositories = {"anchore/grype", "grype"},
       .programs = {"grype", "/grype"},
       .verbs = {},
       .other_verbs = {},
       .idle_verbs = {"version", "db", "help", "completion"},
       .switches = {"-q", "--quiet", "-v", "-vv", "-vvv", "--verbose", "--only-fixed", "--only-notfixed", "--by-cve",
                    "--add-cpes-if-none", "--show-suppressed", "--version", "--help", "-h"},
       .output_flags = {"--file"},
       .format_flags = {"--output", "-o"}},
      {.name = "Sysdig inline scan",
       .repositories = {"sysdig/secure-inline-scan", "sysdiglabs/secure-inline-scan", "sysdiglabs/secure_inline_scan",
                        "sysdig/sysdig-cli-scanner", "sysdig/inline-scan"},
       .programs = {"/sysdig-inline-scan.sh", "sysdig-inline-scan.sh", "sysdig-cli-scanner", "/sysdig-cli-scanner"},
       .verbs = {"analyze"},
       .other_verbs = {},
       .idle_verbs = {"help", "version"},
       .switches = {"-P", "-V", "-v", "-h", "--help", "--sysdig-skip-tls", "--registry-skip-tls", "--verbose", "-c",
                    "--console-log", "--full-vulns-table", "--detailed-policies-eval", "--standalone",
                    "--skiptlsverify", "--skipupload", "--offline-analyzer", "--no-cache", "-n", "-r"},
       .output_flags = {"-R", "--report-folder", "--output-json", "--output"},
       .format_flags = {"--format"}},
      {.name = "Anchore inline scan",
       .repositories = {"anchore/inline-scan", "anchore/inline-scan-slim", "anchore/enterprise"},
       .programs = {"inline_scan"},
       .verbs = {"scan", "analyze"},
       .other_verbs = {},
       .idle_verbs = {"help"},
       .switches = {"-V", "-f", "-r", "-p", "-h", "-g"},
       .output_flags = {},
       .format_flags = {}},
      {.name = "Clair",
       .repositories = {"clair-scanner", "clairctl", "klar", "clair-action", "projectquay/clair"},
       .programs = {"clair-scanner", "/clair-scanner", "clairctl", "klar", "clair-action"},
       .verbs = {"report", "analyze", "push"},
       .other_verbs = {},
       .idle_verbs = {"version", "help", "health"},
       .switches = {"--all", "--exit-when-no-features", "-d", "-D", "--local", "-l", "--novel"},
       .output_flags = {"--report", "-r"},
       .format_flags = {"--out", "-o", "--format"}},
  };
  return all;
}

bool contains(const Names& names, std::string_view word) {
  return std::find(names.begin(), names.end(), word) != names.end();
}

// "docker.io/aquasec/trivy:0.50@sha256:…" is aquasec/trivy, however many folders a mirror puts before it.
bool is_repository(std::string_view image, const Names& repositories) {
  image = image.substr(0, image.find('@'));
  const std::size_t slash = image.rfind('/');
  const std::size_t colon = image.find(':', slash == std::string_view::npos ? 0 : slash);
  image = image.substr(0, colon);
  return std::any_of(repositories.begin(), repositories.end(), [&](std::string_view known) {
    return image == known ||
           // A bare name alone could be anyone's: it counts only after a host or as the whole.
           (image.size() > known.size() && image.ends_with(known) && image[image.size() - known.size() - 1] == '/');
  });
}

// "docker:alpine:3", "registry:alpine": where Grype is to find it.
std::string without_scheme(std::string_view image) {
  for (const std::string_view scheme : {"docker:", "podman:", "registry:", "docker-registry:"})
    if (image.starts_with(scheme)) return std::string(image.substr(scheme.size()));
  return std::string(image);
}

}  // namespace

Result<std::optional<ScannerRequest>> parse_scanner(std::string_view image, std::span<const std::string> command) {
  const auto found = std::find_if(scanners().begin(), scanners().end(),
                                  [&](const Scanner& scanner) { return is_repository(image, scanner.repositories); });
  if (found == scanners().end()) return std::nullopt;
  const Scanner& scanner = *found;
  ScannerRequest out;
  out.scanner = scanner.name;
  std::vector<std::string> words;
  bool idle = command.empty();
  for (std::size_t i = 0; i < command.size(); ++i) {
    const std::string& word = command[i];
    if (word.size() < 2 || word[0] != '-') {
      words.push_back(word);
      continue;
    }
    if (contains(scanner.switches, word)) {
      idle = idle || word == "--version" || word == "--help" || word == "-h" || word == "--download-db-only";
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const bool has_value = equals != std::string::npos || i + 1 < command.size();
    const std::string value = equals != std::string::npos ? word.substr(equals + 1) : has_value ? command[++i] : "";
    if (contains(scanner.output_flags, name)) out.output = value;
    if (contains(scanner.format_flags, name)) out.format = value;
    if (name == "--input")
      return fail(Error(Fault::user, fmt::format("{} of an archive is not served", scanner.name))
                      .remedy("load it with 'docker load' and scan the image"));
  }
  std::size_t next = 0;
  if (next < words.size() && contains(scanner.programs, words[next])) ++next;
  if (next < words.size() && contains(scanner.idle_verbs, words[next])) idle = true;
  if (next < words.size() && contains(scanner.other_verbs, words[next]))
    return fail(Error(Fault::user, fmt::format("'{} {}' is not served by scangate", scanner.name, words[next]))
                    .remedy("scans of images are, and the image gate does them by itself before each push"));
  if (next < words.size() && contains(scanner.verbs, words[next])) ++next;
  if (next < words.size() && !idle) out.image = without_scheme(words.back());
  if (out.image.empty() && !idle) return fail(Fault::user, fmt::format("{}: no image to scan is named", scanner.name));
  if (out.image.starts_with("dir:") || out.image.starts_with("sbom:") ||
      out.image.find("-archive:") != std::string::npos || out.image.starts_with('/') || out.image.starts_with('.'))
    return fail(Fault::user, fmt::format("{} of '{}' is not served by scangate, scans of images are", scanner.name,
                                         printable(out.image)));
  return out;
}

}  // namespace scangate::command
