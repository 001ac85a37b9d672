#include "executor/gate/go_template.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

constexpr std::string_view kImage = R"({
  "Id": "sha256:0123456789ab", "RepoTags": ["app:1", "app:2"], "Size": 12, "Empty": [],
  "Config": {"Env": ["A=b", "C=d"], "Cmd": null, "Labels": {"team": "web", "org.x": "y"}, "User": ""}
})";

TEST(GoTemplate, FormsThatPeopleUse) {
  const std::pair<std::string, std::string> cases[] = {
      {"plain", "plain"},
      {"{{.Id}}", "sha256:0123456789ab"},
      {"{{ .Id }}!", "sha256:0123456789ab!"},
      {"{{.RepoTags}}", "[app:1 app:2]"},
      {"{{json .RepoTags}}", R"(["app:1","app:2"])"},
      {"{{.RepoTags | json}}", R"(["app:1","app:2"])"},
      {"{{index .RepoTags 1}}", "app:2"},
      {"{{(index .RepoTags 0)}}", "app:1"},
      {"{{index .Config.Labels \"org.x\"}}", "y"},
      {"{{index .Config.Labels \"none\"}}", ""},
      {"{{.Config.Labels.team}}", "web"},
      {"{{.Config.Labels.none}}", "<no value>"},
      {"{{.Config.Labels}}", "map[org.x:y team:web]"},
      {"{{range .RepoTags}}<{{.}}>{{end}}", "<app:1><app:2>"},
      {"{{range $i, $t := .RepoTags}}{{$i}}={{$t}} {{end}}", "0=app:1 1=app:2 "},
      {"{{range .Empty}}x{{else}}none{{end}}", "none"},
      {"{{range .Config.Env}}{{println .}}{{end}}", "A=b\nC=d\n"},
      {"{{if .Config.User}}user{{else}}root{{end}}", "root"},
      {"{{with .Config}}{{len .Env}}{{end}}", "2"},
      {"{{join .RepoTags \", \"}}", "app:1, app:2"},
      {"{{upper .Id}}", "SHA256:0123456789AB"},
      {"{{slice .Id 7 11}}", "0123"},
      {"{{printf \"%s is %d\" .Id .Size}}", "sha256:0123456789ab is 12"},
      {"{{if eq .Size 12}}same{{end}}", "same"},
      {"a {{- .Size -}} b", "a12b"},
      {"{{/* nothing */}}x", "x"},
      {"{{$.Size}}", "12"},
      {"{{range .RepoTags}}{{$.Size}}{{end}}", "1212"},
      {"{{\"\\t\"}}", "\t"},
  };
  for (const auto& [format, expected] : cases) {
    const auto text = fill_template(format, kImage);
    ASSERT_TRUE(text) << format << ": " << text.error().text();
    EXPECT_EQ(*text, expected) << format;
  }
}

TEST(GoTemplate, TheRestIsRefusedByName) {
  const std::pair<std::string, std::string> cases[] = {
      {"{{.Nope}}", "--format: there is no field 'Nope' in '.Nope'"},
      {"{{.Config.Nope}}", "--format: there is no field 'Nope' in '.Config.Nope'"},
      {"{{base64 .Id}}", "--format: the function 'base64' is not served"},
      {"{{index .RepoTags 2}}", "--format: index 2 is out of range: there are 2"},
      {"{{.Id", "--format: '{{' is not closed"},
      {"{{}}", "--format: '{{}}' is empty"},
      {"{{range .RepoTags}}", "--format: 'range' has no {{end}}"},
      {"{{end}}", "--format: unexpected {{end}}"},
      {"{{if .Id}}a{{else if .Size}}b{{end}}", "--format: 'else if' is not served"},
      {"{{$x}}", "--format: undefined variable '$x'"},
      {"{{(.Id}}", "--format: '(' is not closed"},
      {"{{json}}", "--format: 'json' takes 1 values, not 0"},
      {"{{.Id | }}", "--format: a command is missing"},
      {"{{printf \"%x\" .Size}}", "--format: '%x' of printf is not served"},
      {"{{\"open}}", "--format: a text is not closed"},
  };
  for (const auto& [format, expected] : cases) {
    const auto text = fill_template(format, kImage);
    ASSERT_FALSE(text) << format << ": " << *text;
    EXPECT_EQ(text.error().text(), expected) << format;
    EXPECT_EQ(text.error().fault(), Fault::user);
  }
}

TEST(GoTemplate, NestingAndOutputAreBounded) {
  std::string deep;
  std::string parentheses = "{{";
  for (int i = 0; i <= kMaxTemplateDepth; ++i) {
    deep += "{{if .Id}}";
    parentheses += "(";
  }
  EXPECT_EQ(fill_template(deep, kImage).error().text(), "--format: nested deeper than 30");
  parentheses += ".Id" + std::string(kMaxTemplateDepth + 1, ')') + "}}";
  EXPECT_EQ(fill_template(parentheses, kImage).error().text(), "--format: nested deeper than 30");
  std::string many = "[";
  for (int i = 0; i < 400; ++i)
    many += i == 0 ? "0" : ",0";
  many += "]";
  EXPECT_EQ(fill_template("{{range $.}}{{range $.}}{{end}}{{end}}", many).error().text(),
            "--format: more than 100000 rounds of range");
  EXPECT_FALSE(fill_template(std::string(kMaxTemplateBytes + 1, 'x'), kImage));
}

}  // namespace
}  // namespace scangate
