#include "executor/gitlab/artifacts.h"

#include <gtest/gtest.h>

#include "base/archive/decompress.h"
#include "tests/support/http_server.h"

namespace scangate {
namespace {

using test::HttpServer;
using test::ServerReply;
using test::ServerRequest;

struct Part {
  std::string head;
  std::string content;
};

// Parts of a multipart/form-data body, in order; RFC 2046 section 5.1.
std::vector<Part> parts_of(const ServerRequest& request) {
  const std::string type = request.header("content-type");
  const std::string key = "multipart/form-data; boundary=";
  EXPECT_EQ(type.substr(0, key.size()), key);
  const std::string mark = "--" + type.substr(key.size());
  std::vector<Part> out;
  std::size_t at = 0;
  while (request.body.compare(at, mark.size() + 2, mark + "\r\n") == 0) {
    const std::size_t head = at + mark.size() + 2;
    const std::size_t content = request.body.find("\r\n\r\n", head) + 4;
    const std::size_t end = request.body.find("\r\n" + mark, content);
    out.push_back({request.body.substr(head, content - 4 - head), request.body.substr(content, end - content)});
    at = end + 2;
  }
  EXPECT_EQ(request.body.substr(at), mark + "--\r\n");
  return out;
}

class Upload : public testing::Test {
 protected:
  Result<void> upload(const ReportUpload& report, std::vector<ServerReply> replies) {
    std::size_t next = 0;
    HttpServer server([&](const ServerRequest&) { return replies[std::min(next++, replies.size() - 1)]; });
    const JobUploads job{.server = {.scheme = "http", .host = server.host(), .root = "/gitlab"},
                         .job_id = 4711,
                         .token = "secret-token",
                         .attempts = 3,
                         .first_retry_delay = std::chrono::milliseconds(1)};
    const auto transport = make_curl_transport({});
    auto result = upload_report(*transport, job, report, cancel_);
    requests_ = server.requests();
    host_ = server.host();
    EXPECT_EQ(server.complaints(), std::vector<std::string>{});
    return result;
  }
  // The message with the server's port taken out.
  std::string message(const Result<void>& result) const {
    std::string text = result ? "taken" : result.error().text();
    for (std::size_t at = text.find(host_); at != std::string::npos; at = text.find(host_))
      text.replace(at, host_.size(), "HOST");
    return text;
  }

  Cancel cancel_;
  std::vector<ServerRequest> requests_;
  std::string host_;
};

const ReportUpload kJunit{
    .type = "junit", .format = "gzip", .file_name = "junit.xml", .content = "<testsuites/>", .expire_in = "30 days"};
const ReportUpload kQuality{
    .type = "codequality", .format = "raw", .file_name = "gl-code-quality-report.json", .content = "[]"};

TEST_F(Upload, SendsTheFieldsBeforeTheFileAndTheTokenAsAHeader) {
  ASSERT_TRUE(upload(kQuality, {{.status = 201, .body = "{\"message\":\"201 Created\"}"}}));
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(requests_[0].method, "POST");
  EXPECT_EQ(requests_[0].path, "/gitlab/api/v4/jobs/4711/artifacts");
  EXPECT_EQ(requests_[0].query, "");
  EXPECT_EQ(requests_[0].header("job-token"), "secret-token");
  const auto parts = parts_of(requests_[0]);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].head, "Content-Disposition: form-data; name=\"artifact_type\"");
  EXPECT_EQ(parts[0].content, "codequality");
  EXPECT_EQ(parts[1].head, "Content-Disposition: form-data; name=\"artifact_format\"");
  EXPECT_EQ(parts[1].content, "raw");
  EXPECT_EQ(parts[2].head,
            "Content-Disposition: form-data; name=\"file\"; filename=\"gl-code-quality-report.json\"\r\nContent-Type: "
            "application/octet-stream");
  EXPECT_EQ(parts[2].content, "[]");
}

TEST_F(Upload, PacksGzipTypesToTheSameBytesEachTime) {
  ASSERT_TRUE(upload(kJunit, {{.status = 201}}));
  const auto first = parts_of(requests_.at(0));
  ASSERT_EQ(first.size(), 4U);
  EXPECT_EQ(first[2].content, "30 days");
  EXPECT_NE(first[3].head.find("filename=\"junit.xml.gz\""), std::string::npos);
  // RFC 1952: magic, deflate, no flags, no time.
  EXPECT_EQ(first[3].content.substr(0, 8), std::string("\x1f\x8b\x08\x00\x00\x00\x00\x00", 8));
  StringSource packed(first[3].content);
  EXPECT_EQ(read_all(*decompressed(packed, "upload", 1000), 1000).value(), "<testsuites/>");
  ASSERT_TRUE(upload(kJunit, {{.status = 201}}));
  EXPECT_EQ(parts_of(requests_.at(0))[3].content, first[3].content);
}

TEST_F(Upload, IsTriedAgainOn429And5xxAndBrokenConnectionsOnly) {
  const struct {
    std::vector<ServerReply> replies;
    std::size_t requests;
    bool taken;
  } cases[] = {
      {{{.status = 503}, {.status = 201}}, 2, true},
      {{{.status = 429, .headers = {{"Retry-After", "0"}}}, {.status = 500}, {.status = 201}}, 3, true},
      {{{.hang_up = true}, {.status = 201}}, 2, true},
      {{{.status = 502}}, 3, false},
      {{{.status = 429, .headers = {{"Retry-After", "3600"}}}, {.status = 201}}, 1, false},
      {{{.status = 400}, {.status = 201}}, 1, false},
      {{{.status = 403}, {.status = 201}}, 1, false},
      {{{.status = 408}, {.status = 201}}, 1, false},
      {{{.status = 413}, {.status = 201}}, 1, false},
      {{{.status = 307, .headers = {{"Location", "http://127.0.0.1:9/"}}}, {.status = 201}}, 1, false},
  };
  for (const auto& c : cases) {
    const auto result = upload(kJunit, c.replies);
    EXPECT_EQ(result.has_value(), c.taken) << c.replies[0].status;
    EXPECT_EQ(requests_.size(), c.requests) << c.replies[0].status;
    for (const auto& request : requests_)
      EXPECT_EQ(request.body, requests_[0].body);
  }
}

TEST_F(Upload, ARefusalSaysWhatGitLabSaidAndWhatHelps) {
  const struct {
    ServerReply reply;
    const char* message;
  } cases[] = {
      {{.status = 400, .body = R"({"message":"another artifact of the same type already exists"})"},
       "the junit report was not taken by http://HOST/gitlab: the job has another one already, and GitLab keeps one of "
       "a type (declare "
       "artifacts:reports:junit in the job and let the gate write that file)"},
      {{.status = 400, .body = R"({"message":{"file_format":["Invalid file format","x"]}})"},
       "the junit report was not taken by http://HOST/gitlab: file_format: Invalid file format, x (the server may be "
       "too old for this type of report)"},
      {{.status = 403, .body = R"({"message":"403 Forbidden - Job is not running"})"},
       "the junit report was not taken by http://HOST/gitlab: HTTP 403, 403 Forbidden - Job is not running (the job's "
       "token ends when the job is "
       "cancelled, erased or over)"},
      {{.status = 404, .body = "<html>\nno such page</html>"},
       "the junit report was not taken by http://HOST/gitlab: HTTP 404, no reason given (check that a proxy before "
       "GitLab passes /api/v4 on)"},
      {{.status = 405, .body = R"({"message":"405 Method Not Allowed"})"},
       "the junit report was not taken by http://HOST/gitlab: artifacts are switched off on this server (its "
       "administrator can switch them on)"},
      {{.status = 302, .headers = {{"Location", "https://u:p@other.example/x"}}},
       "the junit report was not taken by http://HOST/gitlab: HTTP 302 to https://***@other.example/x, and a job's "
       "token follows no redirect (check the "
       "server's external_url)"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(message(upload(kJunit, {c.reply})), c.message);
}

TEST_F(Upload, ATooLargeReportIsToldWithItsSize) {
  EXPECT_EQ(message(upload(kQuality,
                           {{.status = 413, .body = R"({"message":"413 Request Entity Too Large\n- file size"})"}})),
            "the codequality report was not taken by http://HOST/gitlab: 2 B are more than it accepts (413 Request "
            "Entity Too Large - file size) (raise the project's or "
            "the instance's maximum artifacts size)");
}

TEST_F(Upload, AHostileAnswerIsCutAndKeptOnOneLine) {
  const std::string shown = message(
      upload(kJunit, {{.status = 403, .body = "{\"message\":\"" + std::string(5000, 'x') + "\\u001b[2J\\n\"}"}}));
  EXPECT_LT(shown.size(), 600U);
  EXPECT_EQ(shown.find('\n'), std::string::npos);
}

TEST_F(Upload, ACancelledJobIsNotTriedAgain) {
  cancel_.cancel();
  EXPECT_FALSE(upload(kJunit, {{.status = 503}}));
  EXPECT_LE(requests_.size(), 1U);
}

}  // namespace
}  // namespace scangate
