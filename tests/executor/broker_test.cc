#include "executor/broker/broker.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace scangate {
namespace {

const std::string kToken = "glcbt-64_Zx9-QwertyUiop_1234";

std::unique_ptr<Broker> one_token() {
  auto broker = std::make_unique<Broker>();
  broker->add(kToken, {"gitlab.example", "registry.example:5000"}, {"gitlab-ci-token"});
  return broker;
}

TEST(Broker, APlaceholderIsStableAsLongAsTheValueAndTellsNothingOfIt) {
  const auto made = one_token();
  const Broker& broker = *made;
  const std::string placeholder = broker.placeholder(kToken);
  EXPECT_EQ(placeholder.size(), kToken.size());
  EXPECT_EQ(placeholder, one_token()->placeholder(kToken));
  EXPECT_EQ(placeholder.find(kToken.substr(6, 4)), std::string::npos);
  EXPECT_EQ(broker.placeholder("no secret"), "no secret");
}

TEST(Broker, KnowsWhatStandsForASecret) {
  const auto broker = one_token();
  for (const std::string& value : {kToken, broker->placeholder(kToken)}) {
    EXPECT_TRUE(broker->holds_secret_or_placeholder("a" + value + "b"));
    EXPECT_TRUE(broker->holds_secret_or_placeholder(base64_encode("gitlab-ci-token:" + value)));
  }
  EXPECT_FALSE(broker->holds_secret_or_placeholder("nothing here"));
}

TEST(Broker, ConcealsTheValueInEveryFormAndRevealsItOnlyForItsHosts) {
  const auto made = one_token();
  const Broker& broker = *made;
  const std::string placeholder = broker.placeholder(kToken);
  const std::pair<std::string, std::string> cases[] = {
      {"export CI_JOB_TOKEN=" + kToken + "\n", "export CI_JOB_TOKEN=" + placeholder + "\n"},
      {"https://gitlab-ci-token:" + kToken + "@gitlab.example/a.git",
       "https://gitlab-ci-token:" + placeholder + "@gitlab.example/a.git"},
      {base64_encode("gitlab-ci-token:" + kToken), base64_encode("gitlab-ci-token:" + placeholder)},
      {base64_encode(kToken), base64_encode(placeholder)},
      {kToken + kToken, placeholder + placeholder},
      {"nothing here", "nothing here"},
  };
  for (const auto& [text, concealed] : cases) {
    EXPECT_EQ(broker.conceal(text), concealed);
    EXPECT_EQ(broker.holds_secret(text), text != concealed);
    EXPECT_FALSE(broker.holds_secret(concealed));
  }
  EXPECT_EQ(broker.reveal(placeholder, "gitlab.example"), kToken);
  EXPECT_EQ(broker.reveal(placeholder, "registry.example:5000"), kToken);
  for (const char* host : {"registry.example", "attacker.example", "gitlab.example:8080", "evilgitlab.example", ""})
    EXPECT_EQ(broker.reveal(placeholder, host), placeholder) << host;
}

TEST(Broker, ValuesWithQuotesAreFoundInTheRunnersQuoting) {
  const std::string value = "it's a \"pass\\word\" $x";
  Broker broker;
  broker.add(value, {"h"});
  const std::string placeholder = broker.placeholder(value);
  const std::pair<const char*, std::string> cases[] = {
      {R"(export P=$'it\'s a "pass\\word" $x')", "export P=$'" + placeholder + "'"},
      {R"(eval $'export P=$\'it\\\'s a "pass\\\\word" $x\'')", "eval $'export P=$\\'" + placeholder + "\\''"},
      {R"(export P='it'"'"'s a "pass\word" $x')", "export P='" + placeholder + "'"},
      {R"({"password": "it's a \"pass\\word\" $x"})", "{\"password\": \"" + placeholder + "\"}"},
  };
  for (const auto& [text, concealed] : cases)
    EXPECT_EQ(broker.conceal(text), concealed);
}

TEST(Broker, ShortValuesAreLeftAlone) {
  Broker broker;
  broker.add("root", {"h"});
  EXPECT_TRUE(broker.empty());
  EXPECT_EQ(broker.conceal("user root"), "user root");
}

TEST(Broker, OneSecretInsideAnotherIsConcealedAsTheLongerOne) {
  Broker broker;
  broker.add("inner-secret", {"a"});
  broker.add("outer-inner-secret-more", {"b"});
  const std::string concealed = broker.conceal("x outer-inner-secret-more y inner-secret z");
  EXPECT_EQ(concealed,
            "x " + broker.placeholder("outer-inner-secret-more") + " y " + broker.placeholder("inner-secret") + " z");
}

TEST(Broker, StarsMatchHostsBelow) {
  EXPECT_TRUE(host_matches("1.dkr.ecr.eu-west-1.amazonaws.com", {"*.amazonaws.com"}));
  EXPECT_FALSE(host_matches("amazonaws.com", {"*.amazonaws.com"}));
  EXPECT_FALSE(host_matches("amazonaws.com.attacker.example", {"*.amazonaws.com"}));
}

}  // namespace
}  // namespace scangate
