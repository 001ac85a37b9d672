#include "executor/settings/settings.h"

#include <gtest/gtest.h>

#include "executor/settings/image_patterns.h"

namespace scangate {
namespace {

Result<Settings> parse(std::string_view yaml) {
  return parse_settings(yaml, "config.yaml", default_settings(true, {}, "/usr/bin/scangate"));
}

TEST(Settings, AFileSetsWhatItNamesAndLeavesTheRest) {
  const auto settings = parse(R"(
store: /srv/scangate
enforce: observe
on_stop: command
sandbox: {runtime: runc}
gitlab: {url: "https://gitlab.internal:8443"}
reports: {upload: false, expire_in: 1 week and 2 days}
registries:
  docker.io: {mirrors: ["127.0.0.1:5000"]}
  registry.example: {ca_file: /etc/ca.pem, verify_certificates: false}
aws: {endpoint: "https://vpce-1.api.ecr.eu-west-1.vpce.amazonaws.com", credentials_file: /etc/aws}
)");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->store, "/srv/scangate");
  EXPECT_EQ(settings->enforce, Enforce::observe);
  EXPECT_EQ(settings->on_stop, OnStop::command);
  EXPECT_EQ(settings->runtime, "runc");
  EXPECT_EQ(settings->gitlab_url->url(), "https://gitlab.internal:8443");
  EXPECT_FALSE(settings->reports.upload);
  EXPECT_EQ(settings->reports.expire_in, "1 week and 2 days");
  EXPECT_EQ(settings->registries.hosts.at("docker.io").mirrors, (std::vector<std::string>{"127.0.0.1:5000"}));
  EXPECT_EQ(settings->registries.hosts.at("registry.example").ca_file, "/etc/ca.pem");
  EXPECT_FALSE(settings->registries.hosts.at("registry.example").verify_certificates);
  EXPECT_EQ(settings->aws.endpoint, "https://vpce-1.api.ecr.eu-west-1.vpce.amazonaws.com");
  EXPECT_EQ(settings->aws.credentials_file, "/etc/aws");
  EXPECT_TRUE(settings->aws.sts_endpoint.empty());
  EXPECT_FALSE(settings->tool_images.empty());
}

TEST(Settings, NetworkAndLimitsOfSandboxes) {
  const auto settings = parse(R"(
sandbox: {network: private, allow_host_loopback: [5000, 8080], cpus: 1.5, memory: 2g, pids: 512, no_new_privileges: true}
services: {wait_seconds: 5, on_host_network: true}
build: {run_timeout_minutes: 90, cache_mounts: 5g}
)");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->network, NetworkChoice::own);
  EXPECT_EQ(settings->allow_host_loopback, (std::vector<std::uint16_t>{5000, 8080}));
  EXPECT_EQ(settings->limits.cpus, 1.5);
  EXPECT_EQ(settings->limits.memory_bytes, 2ULL << 30U);
  EXPECT_EQ(settings->limits.processes, 512U);
  EXPECT_TRUE(settings->no_new_privileges);
  EXPECT_EQ(settings->service_wait_seconds, 5);
  EXPECT_EQ(settings->builds.run_timeout_minutes, 90);
  EXPECT_EQ(settings->builds.cache_mounts_bytes, 5ULL << 30U);
  EXPECT_TRUE(settings->services_on_host_network);
}

TEST(Settings, ImagesOfBuildersAreServedByTheHostsToolsWhereverTheyAreMirrored) {
  const auto settings = parse("{}");
  ASSERT_TRUE(settings) << settings.error().text();
  const std::pair<const char*, bool> rows[] = {
      {"docker", true},
      {"docker:27.3", true},
      {"docker:27-cli", true},
      {"docker.io/library/docker:27", true},
      {"index.docker.io/library/docker:27", true},
      {"docker:27@sha256:0123456789", true},
      {"gcr.io/kaniko-project/executor:v1.23.2-debug", true},
      {"registry.example/group/dependency_proxy/containers/kaniko-project/executor:debug", true},
      {"registry.example/mirror/kaniko:debug", true},
      {"registry.example/tools/kaniko-executor:1.9", true},
      {"ghcr.io/chainguard-dev/kaniko-executor:debug", true},
      {"quay.io/buildah/stable", true},
      {"quay.io/skopeo/stable:v1.16", true},
      {"debian:bookworm", false},
      {"registry.example/group/kaniko-test:1", false},
      {"registry.example/docker-executor:1", false},
  };
  for (const auto& [name, is_tool] : rows)
    EXPECT_EQ(matches_image(name, settings->tool_images), is_tool) << name;
}

TEST(Settings, MemoryIsReadAsDockerDoes) {
  const std::pair<const char*, std::uint64_t> rows[] = {{"8388608", 8U << 20U}, {"512m", 512U << 20U}, {"512MB", 512U << 20U}, {"512MiB", 512U << 20U}, {"1G", 1U << 30U}, {"1t", 1ULL << 40U}};
  for (const auto& [text, bytes] : rows) {
    const auto settings = parse(fmt::format("sandbox: {{memory: {}}}", text));
    ASSERT_TRUE(settings) << settings.error().text();
    EXPECT_EQ(settings->limits.memory_bytes, bytes) << text;
  }
}

TEST(Settings, FaultsNameThePlaceAndTheNearestKey) {
  const std::pair<const char*, const char*> rows[] = {
      {"stroe: /x\n", "config.yaml:1:1: unknown key 'stroe' in the configuration (did you mean 'store'?)"},
      {"store: relative\n", "config.yaml:1:8: expected an absolute path, found 'relative'"},
      {"enforce: never\n", "config.yaml:1:10: 'never' is not one of observe, off, strict"},
      {"registries:\n  a:\n    miror: [b]\n",
       "config.yaml:3:5: unknown key 'miror' in registries 'a' (did you mean 'mirrors'?)"},
      {"reports: {expire_in: soon}\n",
       "config.yaml:1:22: expected a duration such as '30 days', or 'never', found 'soon'"},
      {"gitlab: {url: https://gitlab.internal/path}\n",
       "config.yaml:1:15: expected an address without a path such as https://gitlab.internal:8443, found "
       "'https://gitlab.internal/path'"},
      {"transfer: {attempts: 99}\n", "config.yaml:1:22: expected a number from 1 to 20, found '99'"},
      {"sandbox: {network: bridge}\n", "config.yaml:1:20: 'bridge' is not one of auto, host, none, private"},
      {"sandbox: {memory: 1k}\n", "config.yaml:1:19: expected an amount of memory of at least 6m such as 4g, found '1k'"},
      {"sandbox: {memory: 99999999999t}\n", "config.yaml:1:19: expected an amount of memory of at least 6m such as 4g, found '99999999999t'"},
      {"sandbox: {cpus: nan}\n", "config.yaml:1:17: expected a number of processors such as 1.5, found 'nan'"},
      {"build: {run_timeout_minutes: -1}\n", "config.yaml:1:30: expected a number from 0 to 100000, found '-1'"},
      {"sandbox: {pids: 1}\n", "config.yaml:1:17: expected a number of processes from 16 to 4194304, found '1'"},
      {"sandbox: {allow_host_loopback: [70000]}\n", "config.yaml:1:33: expected a port from 1 to 65535, found '70000'"},
      {"- a\n", "config.yaml:1:1: the configuration must be a map, found a list"},
  };
  for (const auto& [yaml, message] : rows) {
    const auto settings = parse(yaml);
    ASSERT_FALSE(settings) << yaml;
    EXPECT_EQ(settings.error().text(), message);
  }
}

TEST(Settings, TheEnvironmentIsStrongerThanDefaultsAndTheCommandLineThanBoth) {
  const std::vector<std::string> environment = {"SCANGATE_STORE=/from/environment", "SCANGATE_DB=/from/environment.db"};
  const auto settings =
      load_settings({.config_file = "/dev/null", .store = "/from/flag"}, environment, true, "/usr/bin/scangate");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->store, "/from/flag");
  EXPECT_EQ(settings->database, "/from/environment.db");
}

TEST(Settings, APlainUsersStoreIsInTheHome) {
  EXPECT_EQ(default_settings(false, {"HOME=/home/u"}, "/x").store, "/home/u/.local/share/scangate");
  EXPECT_EQ(default_settings(false, {"HOME=/home/u", "XDG_DATA_HOME=/d"}, "/x").store, "/d/scangate");
}

TEST(Settings, OffMeansOffWithAndWithoutQuotes) {
  for (const char* text : {"enforce: off\n", "enforce: 'off'\n", "enforce: \"off\"\n"}) {
    const auto settings = parse_settings(text, "config.yaml", Settings{});
    ASSERT_TRUE(settings) << settings.error().text();
    EXPECT_EQ(settings->enforce, Enforce::off) << text;
  }
}

}  // namespace
}  // namespace scangate
