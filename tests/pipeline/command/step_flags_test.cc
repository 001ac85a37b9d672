#include "pipeline/command/step_flags.h"

#include <gtest/gtest.h>

#include "pipeline/command/buildah.h"
#include "pipeline/command/docker.h"

namespace scangate::command {
namespace {

template <class T>
std::string message(const Result<T>& result) {
  return result ? "" : result.error().text();
}

TEST(SecretFlag, TakesAFileOrAVariable) {
  EXPECT_EQ(*parse_secret_flag("id=a,src=b c"), (SecretFlag{"a", "b c", ""}));
  EXPECT_EQ(*parse_secret_flag("type=file,id=a,source=b"), (SecretFlag{"a", "b", ""}));
  EXPECT_EQ(*parse_secret_flag("type=file,id=a"), (SecretFlag{"a", "a", ""}));
  EXPECT_EQ(*parse_secret_flag("id=a,env=B"), (SecretFlag{"a", "", "B"}));
  EXPECT_EQ(*parse_secret_flag("id=a,type=env"), (SecretFlag{"a", "", "a"}));
  EXPECT_EQ(*parse_secret_flag("id=a,type=env,src=B"), (SecretFlag{"a", "", "B"}));
  EXPECT_EQ(*parse_secret_flag("id=a"), (SecretFlag{"a", "", ""}));
}

TEST(SecretFlag, RefusalsDoNotRepeatWhatMayBeSecret) {
  EXPECT_EQ(message(parse_secret_flag("s3cr3t")), "a secret is given by key=value pairs (write id=ID,src=FILE)");
  EXPECT_EQ(message(parse_secret_flag("id=a,value=s3cr3t")),
            "a secret has no 'value' (id, src, env and type are known)");
  EXPECT_EQ(message(parse_secret_flag("src=x")), "a secret needs an id (write id=ID,src=FILE)");
  EXPECT_EQ(message(parse_secret_flag("id=a,src=x,env=Y")), "the secret 'a' has both src and env");
  EXPECT_EQ(message(parse_secret_flag("id=a,type=vault")), "a secret's type is file or env, not 'vault'");
}

TEST(SshFlag, HasAnIdAndAPath) {
  EXPECT_EQ(*parse_ssh_flag("default"), (SshFlag{"default", ""}));
  EXPECT_EQ(*parse_ssh_flag("git=/run/a=b"), (SshFlag{"git", "/run/a=b"}));
  EXPECT_EQ(message(parse_ssh_flag("=x")), "an ssh agent needs an id (write --ssh default)");
  EXPECT_EQ(message(parse_ssh_flag("a=")), "the ssh agent 'a' has an empty path");
}

TEST(ResourceFlag, HasASoftAndAHardLimit) {
  EXPECT_EQ(*parse_resource_flag("nofile=1024:2048"), (ResourceFlag{"nofile", 1024, 2048}));
  EXPECT_EQ(*parse_resource_flag("core=-1"), (ResourceFlag{"core", UINT64_MAX, UINT64_MAX}));
  EXPECT_EQ(*parse_resource_flag("nproc=5:-1"), (ResourceFlag{"nproc", 5, UINT64_MAX}));
  for (const char* text : {"nofile", "=1", "nofile=", "nofile=x", "nofile=1:2:3", "nofile=1:"})
    EXPECT_EQ(message(parse_resource_flag(text)), fmt::format("'{}' is not a limit (write nofile=1024:2048)", text));
  EXPECT_EQ(message(parse_resource_flag("core=2:1")), "the soft limit of 'core=2:1' is above the hard one");
}

TEST(HostFlag, IsANameAndAnAddress) {
  using Host = std::pair<std::string, std::string>;
  EXPECT_EQ(*parse_host_flag("db:10.0.0.1"), Host("db", "10.0.0.1"));
  EXPECT_EQ(*parse_host_flag("db=::1"), Host("db", "::1"));
  EXPECT_EQ(*parse_host_flag("db:[::1]"), Host("db", "::1"));
  for (const char* text : {"db", ":1", "db:", "db:1\n2.2.2.2 evil", "a b:1"})
    EXPECT_FALSE(parse_host_flag(text)) << text;
}

TEST(StepFlags, AreTakenByDockerAndBuildah) {
  const std::vector<std::string> flags = {
      "--secret",      "id=a,src=b", "--ssh=default", "--add-host",        "db:10.0.0.1",    "--ulimit", "nofile=1:2",
      "--shm-size=1g", "-m",         "512m",          "--cpu-quota=50000", "--cpu-shares=2", "."};
  std::vector<std::string> docker = {"build"};
  docker.insert(docker.end(), flags.begin(), flags.end());
  std::vector<std::string> buildah = {"bud"};
  buildah.insert(buildah.end(), flags.begin(), flags.end());
  const auto one = parse_docker(docker);
  const auto two = parse_buildah(buildah);
  ASSERT_TRUE(one && two) << message(one) << message(two);
  for (const StepFlags& steps :
       {std::get<BuildRequest>(one->request).steps, std::get<BuildahBuild>(two->request).build.steps}) {
    EXPECT_EQ(steps.secrets, std::vector{SecretFlag({"a", "b", ""})});
    EXPECT_EQ(steps.agents, std::vector{SshFlag({"default", ""})});
    EXPECT_EQ(steps.resources, std::vector{ResourceFlag({"nofile", 1, 2})});
    EXPECT_EQ(steps.shared_memory_bytes, 1U << 30U);
    EXPECT_EQ(steps.memory_bytes, 512U << 20U);
    EXPECT_EQ(steps.cpu_quota_us, 50'000U);
  }
  EXPECT_EQ(one->notes, std::vector<std::string>{"--cpu-shares: the host's own limits hold for the job as a whole"});
}

TEST(StepFlags, EntitlementsOfTheHostAreRefused) {
  EXPECT_TRUE(parse_docker(std::vector<std::string>{"buildx", "build", "--allow", "network.host", "."}));
  EXPECT_EQ(message(parse_docker(std::vector<std::string>{"buildx", "build", "--allow", "security.insecure", "."})),
            "docker buildx build: --allow: 'security.insecure' is given to no build step here");
}

}  // namespace
}  // namespace scangate::command
