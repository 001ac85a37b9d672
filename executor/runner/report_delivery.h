#pragma once
// How the reports of a job get to GitLab: as files that the runner uploads where the YAML declares them, else uploaded
// from here.
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "executor/engine/engine.h"
#include "executor/forward/gitlab_forwarder.h"
#include "executor/runner/job_response.h"
#include "scan/model/remark.h"

namespace scangate {

// In the state folder, between build_script and after_script.
inline constexpr const char* kKeptReports = "reports.json";

struct ReportDelivery {
  const JobResponse& job;
  const ForwarderTarget* gitlab = nullptr;  // null: unknown, nothing is uploaded
  std::filesystem::path state_folder;       // of this job; the sandbox cannot see it
  std::filesystem::path project;
  // The job was told to end: its after_script may never run.
  bool last_chance = false;
};

// Call once at the end of build_script, and of after_script where the job has one; `stage` is the runner's name. GitLab
// keeps one artifact of a type per job, so what is uploaded covers the images of both scripts: with an after_script in
// the job it leaves after that one, else right away. Which images were scanned is kept in the state folder in between,
// and their reports are made again from the store. What a job that is ended scanned until then leaves at once.
//
// `remarks` of builds join them, also where nothing was scanned.
//
// Whatever goes wrong is a warning: the verdict stands without its reports. Gives the scans that the reports cover.
std::vector<ScanResult> deliver_reports(Engine& engine, const ReportDelivery& delivery, std::string_view stage,
                                        std::vector<ScanResult> scans, std::vector<Remark> remarks,
                                        const Cancel& cancel, Progress& progress);

}  // namespace scangate
