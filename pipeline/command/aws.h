#pragma once
// Command lines of the AWS CLI, as far as pipelines that push to ECR use it, as typed requests. Pure; what is not
// served is refused by name: above all what could put a manifest into a registry by the API (ecr put-image).
// Source: https://docs.aws.amazon.com/cli/latest/reference/ecr/ and the ECR API reference, version 2015-09-21.
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace scangate::command {

// `aws ecr get-login-password`, `aws ecr get-login`: what comes of GetAuthorizationToken.
struct EcrLogin {
  bool as_command = false;     // get-login: a `docker login` line for each registry
  bool include_email = false;  // get-login without --no-include-email: `-e none`, as version 1 did
  std::vector<std::string> registry_ids;
};

// One operation of the ECR API.
struct EcrCall {
  std::string operation;  // "CreateRepository"
  std::string body;       // JSON
  bool wait = false;      // `aws ecr wait …`: asked again until it is done, prints nothing
};

// `aws sts get-caller-identity`.
struct CallerIdentity {};

// `aws --version`, `aws configure …`, help: only a text.
struct AwsText {
  std::string text;
};

// Another service: for the job's own AWS CLI, if it has one.
struct AwsOther {
  std::string service;
};

using AwsRequest = std::variant<EcrLogin, EcrCall, CallerIdentity, AwsText, AwsOther>;

struct AwsCommand {
  AwsRequest request;
  std::string region;           // --region; empty: the environment's
  std::string output = "json";  // "json", "text"
  std::string query;            // --query, checked by aws_output()
  std::vector<std::string> notes;
};

// `args`: what comes after the program's name. Errors: Fault::user.
Result<AwsCommand> parse_aws(std::span<const std::string> args);

// An answer of the API as the AWS CLI prints it. `query` is a JMESPath of plain steps: `repositories[0].repositoryUri`,
// `imageDetails[].imageTags[]`; anything richer is refused by name. Errors: Fault::user.
Result<std::string> aws_output(std::string_view json, std::string_view query, std::string_view output);

// True for a region's name ("eu-west-1"): it becomes part of a host's name.
bool is_aws_region(std::string_view text);

}  // namespace scangate::command
