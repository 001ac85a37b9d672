#pragma once
// Links on a job's page: the `annotations` report. GitLab, app/validators/json_schemas/ci_job_annotation_data.json and
// ci_job_external_link_data.json, app/services/ci/parse_annotations_artifact_service.rb.
#include <string>
#include <vector>

#include "executor/gitlab/server_address.h"
#include "scan/model/verdict.h"

namespace scangate {

// GitLab refuses the whole file beyond 80 KiB (ci_job_annotations_size); labels and addresses are cut well below that.
inline constexpr std::size_t kMaxAnnotationLinks = 100;

struct JobPlace {
  ServerAddress server;
  std::string project_path;  // "group/app"
  std::int64_t job_id = 0;
  std::string instance_registry;  // host of the instance's own registry; its images have a page in GitLab
  std::vector<std::string>
      files;  // report files in the job's archive, relative to the project: what its artifacts page can show
};

// JSON for one upload: a link per image (its verdict and where its repository can be looked at) and one per report file
// that the job's archive holds. Empty without any link.
std::string render_annotations(const JobPlace& place, const std::vector<ScanResult>& scans);

}  // namespace scangate
