#include "pipeline/command/aws.h"

#include <gtest/gtest.h>

namespace scangate::command {
namespace {

using Args = std::vector<std::string>;

AwsCommand command_of(const Args& args) {
  auto command = parse_aws(args);
  EXPECT_TRUE(command) << command.error().text();
  return command ? std::move(*command) : AwsCommand{};
}

std::string error_of(const Args& args) {
  const auto command = parse_aws(args);
  if (command) return "no error";
  EXPECT_EQ(command.error().fault(), Fault::user);
  return command.error().text();
}

TEST(Aws, LoginInItsTwoForms) {
  const auto command = command_of({"ecr", "get-login-password", "--region", "eu-west-1"});
  EXPECT_EQ(command.region, "eu-west-1");
  EXPECT_FALSE(std::get<EcrLogin>(command.request).as_command);
  const auto old =
      command_of({"--region=us-east-1", "ecr", "get-login", "--no-include-email", "--registry-ids", "1", "2"});
  EXPECT_EQ(old.region, "us-east-1");
  EXPECT_EQ(std::get<EcrLogin>(old.request).registry_ids, (Args{"1", "2"}));
  EXPECT_FALSE(std::get<EcrLogin>(old.request).include_email);
}

TEST(Aws, OperationsAsTheApiTakesThem) {
  struct Row {
    Args args;
    std::string operation, body;
  };
  for (const Row& row : std::vector<Row>{
           {{"create-repository", "--repository-name", "a/b", "--image-scanning-configuration", "scanOnPush=true"},
            "CreateRepository",
            R"({"imageScanningConfiguration":{"scanOnPush":true},"repositoryName":"a/b"})"},
           {{"describe-repositories", "--repository-names", "a", "b"},
            "DescribeRepositories",
            R"({"repositoryNames":["a","b"]})"},
           {{"put-image-scanning-configuration", "--repository-name", "a", "--image-scanning-configuration",
             R"({"scanOnPush": false})"},
            "PutImageScanningConfiguration",
            R"({"imageScanningConfiguration":{"scanOnPush":false},"repositoryName":"a"})"},
           {{"describe-image-scan-findings", "--repository-name", "a", "--image-id", "imageTag=1"},
            "DescribeImageScanFindings",
            R"({"imageId":{"imageTag":"1"},"repositoryName":"a"})"},
           {{"wait", "image-scan-complete", "--repository-name", "a", "--image-id", "imageTag=1"},
            "DescribeImageScanFindings",
            R"({"imageId":{"imageTag":"1"},"repositoryName":"a"})"},
           {{"describe-images", "--repository-name", "a", "--image-ids", "imageTag=1", "imageTag=2"},
            "DescribeImages",
            R"({"imageIds":[{"imageTag":"1"},{"imageTag":"2"}],"repositoryName":"a"})"}}) {
    Args args = {"ecr"};
    args.insert(args.end(), row.args.begin(), row.args.end());
    const auto call = std::get<EcrCall>(command_of(args).request);
    EXPECT_EQ(call.operation, row.operation);
    EXPECT_EQ(call.body, row.body);
    EXPECT_EQ(call.wait, row.args[0] == "wait");
  }
}

TEST(Aws, WhatOnlyGivesAText) {
  EXPECT_EQ(std::get<AwsText>(command_of({"--version"}).request).text,
            "aws-cli/2 (the ECR commands, served by scangate)\n");
  EXPECT_EQ(command_of({"configure", "set", "aws_access_key_id", "AKIA"}).notes,
            Args{"aws configure: the image gate uses the job's AWS_* variables; nothing was stored"});
  EXPECT_EQ(std::get<AwsOther>(command_of({"s3", "ls", "--recursive"}).request).service, "s3");
  EXPECT_TRUE(std::holds_alternative<CallerIdentity>(command_of({"sts", "get-caller-identity"}).request));
}

TEST(Aws, RefusesByName) {
  const std::vector<std::pair<Args, std::string>> cases = {
      {{"ecr", "put-image", "--repository-name", "a"},
       "aws ecr put-image: is not served by scangate (images are pushed with docker push, which scans them first)"},
      {{"ecr", "get-login-pasword"},
       "aws ecr: 'get-login-pasword' is not served by scangate (did you mean 'get-login-password'?)"},
      {{"ecr", "get-login-password", "--endpoint-url", "http://x"},
       "aws ecr get-login-password: --endpoint-url is not served by scangate (a private endpoint is named in the "
       "runner "
       "host's configuration)"},
      {{"ecr", "get-login-password", "--region", "evil.example/"},
       "aws: 'evil.example/' is no name of a region (is a variable not set?)"},
      {{"ecr", "get-login-password", "--region"}, "aws ecr get-login-password: --region needs a value"},
      {{"ecr", "create-repository"}, "aws ecr create-repository: --repository-name is required"},
      {{"ecr", "create-repository", "--repository-name", ""},
       "aws ecr create-repository: --repository-name is empty (is a variable not set?)"},
      {{"ecr", "describe-repositories", "--output", "table"},
       "aws: --output table is not served by scangate (json and text are)"},
      {{"ecr", "describe-image-scan-findings", "--repository-name", "a", "--image-id", "latest"},
       "aws ecr describe-image-scan-findings: --image-id: expected name=value, found 'latest'"},
  };
  for (const auto& [args, text] : cases)
    EXPECT_EQ(error_of(args), text);
}

TEST(Aws, OutputByQuery) {
  const std::string json =
      R"({"repositories":[{"repositoryName":"a","repositoryUri":"r/a","n":1},{"repositoryName":"b","repositoryUri":"r/b"}],)"
      R"("images":[{"tags":["1","2"]},{"tags":["3"]}],"on":true,"none":null})";
  struct Row {
    const char *query, *output, *expected;
  };
  for (const Row& row :
       {Row{"repositories[0].repositoryUri", "text", "r/a\n"},
        Row{"repositories[0].repositoryUri", "json", "\"r/a\"\n"},
        Row{"repositories[].repositoryName", "text", "a\tb\n"},
        Row{"repositories[*].repositoryName", "json", "[\n    \"a\",\n    \"b\"\n]\n"},
        Row{"repositories[-1].repositoryName", "text", "b\n"}, Row{"images[].tags[]", "text", "1\t2\t3\n"},
        Row{"missing.path", "text", "None\n"}, Row{"missing", "json", "null\n"}, Row{"on", "text", "True\n"},
        Row{"repositories", "text", "1\ta\tr/a\nb\tr/b\n"}}) {
    const auto text = aws_output(json, row.query, row.output);
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, row.expected) << row.query;
  }
  EXPECT_EQ(*aws_output(R"({"b":"2","a":"1","list":[{"x":"y"}]})", "", "text"), "1\t2\nLIST\ty\n");
  for (const char* query : {"a[?b=='c']", "a.", ".a", "a||b", "length(a)", "a[x]", "a[", "{x:a}"})
    EXPECT_EQ(aws_output(json, query, "text").error().text(),
              fmt::format("aws: --query '{}' is not served by scangate (plain paths like repositories[0].repositoryUri "
                          "are; use --output json and jq for more)",
                          query));
}

}  // namespace
}  // namespace scangate::command
