#include "executor/gitlab/artifacts.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "base/archive/compress.h"
#include "base/digest.h"
#include "base/json/json.h"
#include "base/text.h"

namespace scangate {
namespace {

// GitLab's own default limit for an artifact is 100 MB; a packed report beyond this is not worth its memory.
constexpr std::size_t kMaxPackedBytes = 256U << 20U;
// What a server says about a refusal is a line; proxies add a page.
constexpr std::size_t kMaxReplyBytes = 1U << 20U;
constexpr std::size_t kMaxShownCharacters = 300;
constexpr std::chrono::milliseconds kLongestWait{30'000};
// The job waits for its reports: a server that asks for more patience than this does without them.
constexpr std::chrono::seconds kLongestRetryAfter{60};

Result<std::string> packed(const std::string& content) {
  StringSink out(kMaxPackedBytes);
  CompressingSink gzip(out, Packer::gzip, 1);
  SCANGATE_CHECK(gzip.write(as_bytes(content)));
  SCANGATE_CHECK(gzip.finish());
  return std::move(out.text());
}

// RFC 7578. The scalars come first, as GitLab's front end (Workhorse) streams the parts in order.
std::string multipart(const ReportUpload& report, const std::string& file_name, const std::string& content,
                      const std::string& boundary) {
  std::string body;
  const auto field = [&](std::string_view name, const std::string& value) {
    if (!value.empty())
      body += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n", boundary, name, value);
  };
  field("artifact_type", report.type);
  field("artifact_format", report.format);
  field("expire_in", report.expire_in);
  body += fmt::format(
      "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: "
      "application/octet-stream\r\n\r\n",
      boundary, file_name);
  body += content;
  body += fmt::format("\r\n--{}--\r\n", boundary);
  return body;
}

void collect(const nlohmann::json& value, std::vector<std::string>& out) {
  if (value.is_string()) {
    out.push_back(value.get<std::string>());
  } else if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) {
      std::vector<std::string> said;
      collect(inner, said);
      out.push_back(fmt::format("{}: {}", key, fmt::join(said, ", ")));
    }
  } else if (value.is_array()) {
    for (const auto& inner : value)
      collect(inner, out);
  }
}

// {"message": "text"}, {"message": {"file": ["text"]}} or {"error": "text"}; a page of some proxy says nothing to our
// reader.
std::string said_by_server(const std::string& body) {
  const auto json = parse_json(body, "GitLab's answer");
  if (!json || !json->is_object()) return "no reason given";
  std::vector<std::string> said;
  collect(json->value("message", json->value("error", nlohmann::json())), said);
  std::string text = printable(fmt::format("{}", fmt::join(said, "; ")));
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (text.size() > kMaxShownCharacters) text = printable(text.substr(0, kMaxShownCharacters)) + "...";
  return text.empty() ? "no reason given" : redact(text);
}

Error refusal(const JobUploads& job, const ReportUpload& report, const HttpReply& reply, const std::string& body,
              std::size_t sent_bytes) {
  const std::string said = said_by_server(body);
  const auto error = [&](std::string cause, std::string remedy) {
    return Error(Fault::remote,
                 fmt::format("the {} report was not taken by {}: {}", report.type, job.server.url(), cause))
        .remedy(std::move(remedy));
  };
  switch (reply.status) {
    case 400:
      if (said.find("same type already exists") != std::string::npos)
        return error(
            "the job has another one already, and GitLab keeps one of a type",
            fmt::format("declare artifacts:reports:{} in the job and let the gate write that file", report.type));
      return error(said, "the server may be too old for this type of report");
    case 401:
    case 403:
      return error(fmt::format("HTTP {}, {}", reply.status, said),
                   "the job's token ends when the job is cancelled, erased or over");
    case 404:
      return error(fmt::format("HTTP 404, {}", said), "check that a proxy before GitLab passes /api/v4 on");
    case 405:
      return error("artifacts are switched off on this server", "its administrator can switch them on");
    case 413:
      return error(fmt::format("{} are more than it accepts ({})", human_bytes(sent_bytes), said),
                   "raise the project's or the instance's maximum artifacts size");
    default:
      break;
  }
  if (reply.status >= 300 && reply.status < 400)
    return error(fmt::format("HTTP {} to {}, and a job's token follows no redirect", reply.status,
                             printable(redact(reply.header("location")))),
                 "check the server's external_url");
  Error other(Fault::remote, fmt::format("the {} report was not taken by {}: HTTP {}, {}", report.type,
                                         job.server.url(), reply.status, said));
  return reply.status == 429 || reply.status >= 500 ? std::move(other).worth_retrying() : std::move(other);
}

std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

Result<void> wait(std::chrono::milliseconds delay, const Cancel& cancel) {
  const auto until = std::chrono::steady_clock::now() + delay;
  for (auto now = std::chrono::steady_clock::now(); now < until; now = std::chrono::steady_clock::now()) {
    if (cancel.cancelled()) return fail(cancelled_error());
    std::this_thread::sleep_for(
        std::min<std::chrono::steady_clock::duration>(until - now, std::chrono::milliseconds(100)));
  }
  return {};
}

}  // namespace

Result<void> upload_report(HttpTransport& transport, const JobUploads& job, const ReportUpload& report,
                           const Cancel& cancel) {
  const bool gzip = report.format == "gzip";
  std::string content = report.content;
  if (gzip) {
    SCANGATE_TRY(content, packed(report.content));
  }
  // Of the content's digest: the content cannot hold it.
  const std::string boundary = "scangate-" + Digest::of(content).hex().substr(0, 40);
  HttpRequest request;
  request.method = "POST";
  request.url = fmt::format("{}/api/v4/jobs/{}/artifacts", job.server.url(), job.job_id);
  request.headers = {{"JOB-TOKEN", job.token},
                     {"Content-Type", "multipart/form-data; boundary=" + boundary},
                     {"Accept", "application/json"}};
  request.body = multipart(report, gzip ? report.file_name + ".gz" : report.file_name, content, boundary);
  request.plain_http = job.server.scheme == "http";  // GitLab's own choice: the clone URL has the same scheme
  request.ca_file = job.ca_file;
  request.verify_certificates = job.verify_certificates;
  request.max_reply_bytes = kMaxReplyBytes;
  for (int attempt = 1;; ++attempt) {
    StringSink body(kMaxReplyBytes);
    const auto reply = transport.send(request, body, cancel);
    if (reply && (reply->status == 201 || reply->status == 200)) return {};
    Error error = reply ? refusal(job, report, *reply, body.text(), content.size()) : reply.error();
    if (!error.is_worth_retrying() || cancel.cancelled()) return fail(std::move(error));
    const auto asked = reply ? seconds_of(reply->header("retry-after")) : std::nullopt;
    if (attempt >= job.attempts || (asked && *asked > kLongestRetryAfter))
      return fail(std::move(error).during(fmt::format("uploading the {} report, attempt {}", report.type, attempt)));
    const auto delay = std::min(job.first_retry_delay * (1 << std::min(attempt - 1, 16)), kLongestWait);
    SCANGATE_CHECK(wait(asked ? std::max<std::chrono::milliseconds>(*asked, delay) : delay, cancel));
  }
}

}  // namespace scangate
