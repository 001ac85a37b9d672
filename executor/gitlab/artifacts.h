#pragma once
// Uploads of reports to a job, as GitLab Runner makes them. GitLab, lib/api/ci/runner.rb ("POST /jobs/:id/artifacts")
// and app/services/ci/job_artifacts/create_service.rb.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/cancel.h"
#include "base/http/http.h"
#include "executor/gitlab/server_address.h"

namespace scangate {

// Whose job it is; all of it from the job response and the host's settings, nothing from variables.
struct JobUploads {
  ServerAddress server;
  std::int64_t job_id = 0;
  std::string token;  // a secret
  bool verify_certificates = true;
  std::filesystem::path ca_file;                     // in addition to the system's certificates
  int attempts = 4;                                  // on 429, 5xx and broken connections, and on nothing else
  std::chrono::milliseconds first_retry_delay{500};  // doubles with every attempt; Retry-After is kept to
};

struct ReportUpload {
  std::string type;       // GitLab's artifact type: "junit"
  std::string format;     // "raw", or "gzip": `content` is packed here, to the same bytes each time
  std::string file_name;  // "junit.xml"; gzip adds ".gz"
  std::string content;    // not packed yet
  std::string expire_in;  // "30 days", "never"; empty: the instance's own default
};

// Errors: Fault::remote, one line with what GitLab said and what helps; the token is in none of them. GitLab takes the
// same bytes twice, so that an attempt whose answer was lost can be repeated.
Result<void> upload_report(HttpTransport& transport, const JobUploads& job, const ReportUpload& report,
                           const Cancel& cancel);

}  // namespace scangate
