#include "executor/runner/report_delivery.h"

#include <algorithm>

#include "base/file.h"
#include "base/json/json.h"
#include "executor/gitlab/annotations.h"
#include "executor/gitlab/artifacts.h"
#include "executor/session/job_reports.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// Two lines for each image a job pushed; a job with this many is a loop that never ended.
constexpr std::size_t kMaxStateBytes = 16U << 20U;
constexpr std::size_t kMaxImages = 1000;

// What build_script leaves for after_script.
struct Kept {
  struct Image {
    Digest digest;
    std::string name;
  };
  std::vector<Image> images;
  std::vector<Remark> remarks;
  std::vector<std::string> files;  // written into the project by us
  std::vector<std::string> sent;   // artifact types that GitLab has; it takes no second one
};

fs::path state_file(const ReportDelivery& delivery) {
  return delivery.state_folder / kKeptReports;
}

Result<Kept> read_kept(const ReportDelivery& delivery) {
  Kept kept;
  std::error_code ignored;
  const fs::path file = state_file(delivery);
  if (!fs::exists(file, ignored)) return kept;
  SCANGATE_TRY(const std::string text, read_file(file, kMaxStateBytes));
  SCANGATE_TRY(const auto json, parse_json(text, file.string()));
  for (const auto& image : json_array(json, "images")) {
    SCANGATE_TRY(const Digest digest, Digest::parse(json_string(image, "digest")));
    kept.images.push_back({digest, json_string(image, "name")});
  }
  for (const auto& remark : json_array(json, "remarks"))
    kept.remarks.push_back({json_string(remark, "rule"),
                            json_string(remark, "text"),
                            {json_string(remark, "file"), static_cast<int>(json_int(remark, "line").value_or(0))}});
  for (const auto& path : json_array(json, "files"))
    if (path.is_string()) kept.files.push_back(path.get<std::string>());
  for (const auto& type : json_array(json, "sent"))
    if (type.is_string()) kept.sent.push_back(type.get<std::string>());
  return kept;
}

Result<void> keep(const ReportDelivery& delivery, const std::vector<ScanResult>& scans,
                  const std::vector<Remark>& remarks, const std::vector<std::string>& files,
                  const std::vector<std::string>& sent) {
  nlohmann::json out{
      {"images", nlohmann::json::array()}, {"remarks", nlohmann::json::array()}, {"files", files}, {"sent", sent}};
  for (const auto& remark : remarks)
    out["remarks"].push_back(
        {{"rule", remark.rule}, {"text", remark.text}, {"file", remark.place.file}, {"line", remark.place.line}});
  for (const auto& scan : scans)
    out["images"].push_back({{"digest", scan.image.manifest_digest.str()}, {"name", scan.image.name}});
  return write_file_atomic(state_file(delivery), as_bytes(dump_json(out)), 0600);
}

// The scans of build_script once more, from the cached inventories: no image byte is read.
std::vector<ScanResult> scan_again(Engine& engine, const std::vector<Kept::Image>& images, const Cancel& cancel) {
  NoProgress silent;
  std::vector<ScanResult> out;
  for (const auto& image : images) {
    auto scan = engine.scan(image.digest, image.name, cancel, silent);
    if (!scan) {
      ScanResult failed;
      failed.image.name = image.name;
      failed.image.manifest_digest = image.digest;
      failed.verdict = {.outcome = Outcome::undecided,
                        .reasons = {"the scan failed: " + scan.error().text()},
                        .policy = engine.policy().name()};
      scan = std::move(failed);
    }
    out.push_back(std::move(*scan));
  }
  return out;
}

// A push of the same image under the same name again says nothing new; the later scan stands.
void drop_repeated(std::vector<ScanResult>& scans) {
  std::vector<ScanResult> out;
  for (auto& scan : scans) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const ScanResult& other) {
      return other.image.name == scan.image.name && other.image.manifest_digest == scan.image.manifest_digest;
    });
    if (same != out.end())
      *same = std::move(scan);
    else if (out.size() < kMaxImages)
      out.push_back(std::move(scan));
  }
  scans = std::move(out);
}

std::vector<DeclaredReport> declared_reports(const JobResponse& job) {
  std::vector<DeclaredReport> out;
  for (const auto& artifact : job.artifacts)
    if (!artifact.type.empty() && artifact.type != "archive")
      for (const auto& path : artifact.paths)
        out.push_back({artifact.type, path});
  return out;
}

bool is_declared(const JobResponse& job, std::string_view type) {
  return std::any_of(job.artifacts.begin(), job.artifacts.end(),
                     [&](const JobArtifact& artifact) { return artifact.type == type; });
}

// Report files that the job's own archive will hold, as far as its paths say so plainly.
std::vector<std::string> archived(const JobResponse& job, const std::vector<std::string>& files) {
  std::vector<std::string> out;
  for (const auto& artifact : job.artifacts) {
    if (!artifact.type.empty() && artifact.type != "archive") continue;
    if (artifact.when == "on_failure" || !artifact.exclude.empty()) continue;
    for (const auto& file : files)
      for (std::string path : artifact.paths) {
        while (path.ends_with('/') || path.ends_with('*'))
          path.pop_back();
        if (path.starts_with("./")) path.erase(0, 2);
        const bool inside = path.empty() || path == "." || file == path || file.starts_with(path + "/");
        if (inside && std::find(out.begin(), out.end(), file) == out.end()) out.push_back(file);
      }
  }
  return out;
}

class Uploader {
 public:
  Uploader(const ReportDelivery& delivery, const Settings& settings, HttpTransport& transport, const Cancel& cancel,
           Progress& progress, const std::vector<std::string>& sent_before)
      : sent_before_(sent_before),
        delivery_(delivery),
        transport_(transport),
        cancel_(cancel),
        progress_(progress),
        expire_in_(settings.reports.expire_in) {
    job_.server = delivery.gitlab->place();
    job_.job_id = delivery.job.id;
    job_.token = delivery.job.token;
    job_.ca_file = delivery.gitlab->ca_file;
    job_.verify_certificates = delivery.gitlab->verify_certificates;
    job_.attempts = settings.registries.attempts;
    job_.first_retry_delay = settings.registries.first_retry_delay;
  }

  void upload(std::string_view type, std::string_view format, std::string_view name, const std::string& content) {
    if (is_declared(delivery_.job, type) || unreachable_) return;
    if (std::find(sent_before_.begin(), sent_before_.end(), type) != sent_before_.end()) return;
    const ReportUpload report{std::string(type), std::string(format), std::string(name), content, expire_in_};
    if (auto done = upload_report(transport_, job_, report, cancel_); done) {
      sent_.push_back(report.type);
    } else {
      progress_.line(Level::warning, done.error().text());
      // A server that did not answer the first report after all attempts would hold the job up once for each of the
      // others.
      unreachable_ = done.error().is_worth_retrying() || cancel_.cancelled();
    }
  }
  const std::vector<std::string>& sent() const { return sent_; }

 private:
  const std::vector<std::string>& sent_before_;
  const ReportDelivery& delivery_;
  HttpTransport& transport_;
  const Cancel& cancel_;
  Progress& progress_;
  std::string expire_in_;
  JobUploads job_;
  std::vector<std::string> sent_;
  bool unreachable_ = false;
};

std::string instance_registry(const JobResponse& job) {
  for (const auto& credential : job.credentials)
    if (credential.type == "registry") return credential.url;
  return {};
}

// Gives the types that arrived.
std::vector<std::string> upload_all(Engine& engine, const ReportDelivery& delivery,
                                    const std::vector<JobReport>& reports, const std::vector<ScanResult>& scans,
                                    const std::vector<std::string>& files, const std::vector<std::string>& sent_before,
                                    const Cancel& cancel, Progress& progress) {
  Uploader uploader(delivery, engine.settings(), *engine.transport(), cancel, progress, sent_before);
  for (const auto& report : reports)
    if (!report.file.artifact_type.empty())
      uploader.upload(report.file.artifact_type, report.file.artifact_format, report.file.name, report.text);
  const JobPlace place{.server = delivery.gitlab->server,
                       .project_path = delivery.job.project_path,
                       .job_id = delivery.job.id,
                       .instance_registry = instance_registry(delivery.job),
                       .files = archived(delivery.job, files)};
  if (const std::string links = render_annotations(place, scans); !links.empty())
    uploader.upload("annotations", "gzip", "gl-annotations.json", links);
  if (!uploader.sent().empty())
    progress.line(Level::info, fmt::format("Uploaded to GitLab: {}", fmt::join(uploader.sent(), ", ")));
  return uploader.sent();
}

}  // namespace

std::vector<ScanResult> deliver_reports(Engine& engine, const ReportDelivery& delivery, std::string_view stage,
                                        std::vector<ScanResult> scans, std::vector<Remark> remarks,
                                        const Cancel& cancel, Progress& progress) {
  const bool is_after = stage == "after_script";
  Kept kept;
  if (is_after) {
    auto read = read_kept(delivery);
    if (read)
      kept = std::move(*read);
    else
      progress.line(Level::warning, "what the job's script scanned is not known any more: " + read.error().text());
    auto all = scan_again(engine, kept.images, cancel);
    std::move(scans.begin(), scans.end(), std::back_inserter(all));
    scans = std::move(all);
    for (const auto& remark : remarks)
      if (std::ranges::find(kept.remarks, remark) == kept.remarks.end()) kept.remarks.push_back(remark);
    remarks = std::move(kept.remarks);
  }
  drop_repeated(scans);
  if (scans.empty() && remarks.empty()) return scans;

  const auto reports = render_job_reports(scans, remarks, engine.policy());
  auto written = write_job_reports(reports, delivery.project, declared_reports(delivery.job), kept.files);
  if (written) {
    progress.line(Level::info, fmt::format("Reports: {}", fmt::join(written->files, ", ")));
    for (const auto& warning : written->warnings)
      progress.line(Level::warning, warning);
  } else {
    progress.line(Level::warning, "the reports could not be written: " + written.error().text());
    written = WrittenReports{};
  }
  const bool more_follows = !is_after && delivery.job.has_after_script;
  const auto keep_for_after_script = [&](const std::vector<std::string>& sent) {
    if (auto done = keep(delivery, scans, remarks, written->files, sent); !done)
      progress.line(Level::warning, "after_script will not know of these reports: " + done.error().text());
  };
  if (more_follows && !delivery.last_chance) {
    keep_for_after_script({});
    return scans;
  }
  std::vector<std::string> sent;
  if (engine.settings().reports.upload && delivery.gitlab != nullptr)
    sent = upload_all(engine, delivery, reports, scans, written->files, kept.sent, cancel, progress);
  if (more_follows) keep_for_after_script(sent);
  return scans;
}

}  // namespace scangate
