#include "executor/gitlab/annotations.h"

#include "base/http/http.h"
#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/image/reference.h"
#include "scan/report/report.h"

namespace scangate {
namespace {

// A link's text is one line beside the job's log.
constexpr std::size_t kMaxLabelBytes = 160;
// kMaxAnnotationLinks of these stay below GitLab's 80 KiB.
constexpr std::size_t kMaxUrlBytes = 600;

std::string label_of(std::string text) {
  if (text.size() > kMaxLabelBytes) text = text.substr(0, kMaxLabelBytes - 3) + "...";
  return printable(text);
}

// Where an image's repository can be looked at: GitLab's own page, Docker Hub's, else the registry's host with the
// repository's name, which quay.io, ghcr.io and others show in a browser.
std::string image_url(const JobPlace& place, const std::string& image) {
  const auto name = Reference::parse(image);
  if (!name) return {};
  if (name->registry == place.instance_registry)
    return fmt::format("{}/{}/container_registry", place.server.url(), place.project_path);
  if (name->registry == "docker.io")
    return name->repository.starts_with("library/") ? "https://hub.docker.com/_/" + name->repository.substr(8)
                                                    : "https://hub.docker.com/r/" + name->repository;
  return fmt::format("https://{}/{}", name->registry, name->repository);
}

std::string encoded_path(const std::string& path) {
  std::vector<std::string> parts;
  for (const auto& part : split(path, '/'))
    parts.push_back(url_encode(part));
  return fmt::format("{}", fmt::join(parts, "/"));
}

nlohmann::ordered_json link(std::string label, std::string url) {
  return {{"external_link", {{"label", label_of(std::move(label))}, {"url", std::move(url)}}}};
}

}  // namespace

std::string render_annotations(const JobPlace& place, const std::vector<ScanResult>& scans) {
  nlohmann::ordered_json images = nlohmann::ordered_json::array();
  for (const auto& scan : scans) {
    const std::string url = image_url(place, scan.image.name);
    if (!url.empty() && url.size() <= kMaxUrlBytes && images.size() < kMaxAnnotationLinks)
      images.push_back(link(verdict_line(scan), url));
  }
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  for (const auto& file : place.files) {
    const std::string url = fmt::format("{}/{}/-/jobs/{}/artifacts/file/{}", place.server.url(), place.project_path,
                                        place.job_id, encoded_path(file));
    if (url.size() <= kMaxUrlBytes && images.size() + files.size() < kMaxAnnotationLinks)
      files.push_back(link(file, url));
  }
  nlohmann::ordered_json out;
  if (!images.empty()) out["Scanned images"] = std::move(images);
  if (!files.empty()) out["Scan reports"] = std::move(files);
  return out.empty() ? std::string() : dump_json(out);
}

}  // namespace scangate
