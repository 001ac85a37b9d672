#pragma once
// Signed calls of the AWS API that the gate makes for a job, with keys that the job does not hold.
// Source: ECR API reference 2015-09-21 (JSON 1.1 protocol), STS API reference 2011-06-15 (query protocol).
#include <string>
#include <string_view>

#include "executor/gate/image_commands.h"

namespace scangate {

// What the API answered; a refusal is an answer.
struct AwsAnswer {
  int status = 0;
  std::string body;  // JSON
  // Of a refusal: "RepositoryAlreadyExistsException" and its text.
  std::string error_code;
  std::string error_message;
  bool ok() const { return status == 200; }
};

class AwsApi {
 public:
  // `region` empty: AWS_REGION, AWS_DEFAULT_REGION of the job. Keys: the job's AWS_* variables, revealed for the host
  // they go to; where the job has none, those of the host's configuration. Errors: Fault::user without region or keys.
  static Result<AwsApi> open(ImageCommands& images, GateCall& call, const std::string& region);

  // Errors: Fault::remote when there is no usable answer. Throttled and failing calls are tried again.
  Result<AwsAnswer> ecr(std::string_view operation, const std::string& body);
  Result<AwsAnswer> caller_identity();

  const std::string& region() const { return region_; }

 private:
  AwsApi(ImageCommands& images, GateCall& call, std::string region)
      : images_(images), call_(call), region_(std::move(region)) {}
  Result<AwsSignature> keys_for(const std::string& url, std::string_view service) const;
  Result<AwsAnswer> send(HttpRequest request, std::string_view service);

  ImageCommands& images_;
  GateCall& call_;
  std::string region_;
};

// host[:port] of an http or https URL.
std::string host_of_url(std::string_view url);

}  // namespace scangate
