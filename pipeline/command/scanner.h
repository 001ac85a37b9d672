#pragma once
// Scanners that pipelines run as containers before a push: what image they were to scan. Pure.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate::command {

struct ScannerRequest {
  std::string scanner;  // "Trivy": for the line that says who answers instead
  std::string image;    // to be scanned, as written; empty: only a version, help or database was asked for
  std::string format;   // of the report, as written: "json", "@contrib/gitlab.tpl"; empty when not said
  std::string output;   // where the report goes, in the container; empty: standard output
};

// nullopt when `image` is no known scanner. `command` is what follows the image; with an entrypoint of its own, the
// scanner's name may come first. Sources: the command lines of Trivy, Grype, Anchore's and Sysdig's inline scans and
// Clair's clients. Errors: Fault::user for scans of something else than an image.
Result<std::optional<ScannerRequest>> parse_scanner(std::string_view image, std::span<const std::string> command);

}  // namespace scangate::command
