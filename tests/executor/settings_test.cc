#include "executor/settings/settings.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

Result<Settings> parse(std::string_view yaml) { return parse_settings(yaml, "config.yaml", default_settings(true, {}, "/usr/bin/scangate")); }

TEST(Settings, AFileSetsWhatItNamesAndLeavesTheRest) {
  const auto settings = parse(R"(
store: /srv/scangate
enforce: observe
on_stop: command
sandbox: {runtime: runc}
registries:
  docker.io: {mirrors: ["127.0.0.1:5000"]}
  registry.example: {ca_file: /etc/ca.pem, verify_certificates: false}
)");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->store, "/srv/scangate");
  EXPECT_EQ(settings->enforce, Enforce::observe);
  EXPECT_EQ(settings->on_stop, OnStop::command);
  EXPECT_EQ(settings->runtime, "runc");
  EXPECT_EQ(settings->registries.hosts.at("docker.io").mirrors, (std::vector<std::string>{"127.0.0.1:5000"}));
  EXPECT_EQ(settings->registries.hosts.at("registry.example").ca_file, "/etc/ca.pem");
  EXPECT_FALSE(settings->registries.hosts.at("registry.example").verify_certificates);
  EXPECT_FALSE(settings->tool_images.empty());
}

TEST(Settings, FaultsNameThePlaceAndTheNearestKey) {
  const std::pair<const char*, const char*> rows[] = {
      {"stroe: /x\n", "config.yaml:1:1: unknown key 'stroe' in the configuration (did you mean 'store'?)"},
      {"store: relative\n", "config.yaml:1:8: expected an absolute path, found 'relative'"},
      {"enforce: never\n", "config.yaml:1:10: 'never' is not one of observe, off, strict"},
      {"registries:\n  a:\n    miror: [b]\n", "config.yaml:3:5: unknown key 'miror' in registries 'a' (did you mean 'mirrors'?)"},
      {"transfer: {attempts: 99}\n", "config.yaml:1:22: expected a number from 1 to 20, found '99'"},
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
  const auto settings = load_settings({.config_file = "/dev/null", .store = "/from/flag"}, environment, true, "/usr/bin/scangate");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->store, "/from/flag");
  EXPECT_EQ(settings->database, "/from/environment.db");
}

TEST(Settings, APlainUsersStoreIsInTheHome) {
  EXPECT_EQ(default_settings(false, {"HOME=/home/u"}, "/x").store, "/home/u/.local/share/scangate");
  EXPECT_EQ(default_settings(false, {"HOME=/home/u", "XDG_DATA_HOME=/d"}, "/x").store, "/d/scangate");
}

}  // namespace
}  // namespace scangate
