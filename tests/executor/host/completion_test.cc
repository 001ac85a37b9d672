#include "executor/host/completion.h"

#include <gtest/gtest.h>

#include "base/process.h"
#include "base/text.h"

namespace scangate {
namespace {

using Value = CompletionOption::Value;

CompletionCommand app() {
  return {.name = "app",
          .help = "the app",
          .options = {{.flags = {"-q", "--quiet"}, .help = "less"},
                      {.flags = {"--progress"}, .value = Value::word, .choices = {"auto", "plain"}, .help = "how"},
                      {.flags = {"--store"}, .value = Value::folder, .help = "the user's store"}},
          .commands = {{.name = "build",
                        .help = "make: an image",
                        .options = {{.flags = {"-t", "--tag"}, .value = Value::word, .help = "name"}},
                        .takes_files = true},
                       {.name = "db",
                        .help = "data",
                        .commands = {{.name = "import", .help = "read", .takes_files = true},
                                     {.name = "status", .help = "show"}}}}};
}

// What bash would offer for the last of `words`.
std::vector<std::string> offered(const std::vector<std::string>& words) {
  std::string script = *completion_script("bash", app());
  script += "\nCOMP_WORDS=(";
  for (const auto& word : words)
    script += " '" + word + "'";
  script += fmt::format(")\nCOMP_CWORD={}\n_app\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n", words.size() - 1);
  SystemProcessRunner runner;
  std::string out;
  const auto exit = runner.run({.argv = {"bash", "--norc", "-c", script},
                                .environment = current_environment(),
                                .directory = SCANGATE_SOURCE_DIR "/packaging"},
                               Cancel(), [&](Stream, std::string_view text) { out += text; });
  EXPECT_TRUE(exit && exit->shell_code() == 0) << out;
  std::vector<std::string> lines;
  for (const auto& line : split(out, '\n'))
    if (!line.empty()) lines.push_back(line);
  return lines;
}

using Words = std::vector<std::string>;

TEST(BashCompletion, OffersWhatMayFollow) {
  const std::vector<std::pair<Words, Words>> cases = {
      {{"app", "b"}, {"build"}},
      {{"app", "db", ""}, {"import", "status", "-q", "--quiet", "--progress", "--store"}},
      {{"app", "db", "s"}, {"status"}},
      {{"app", "build", "--t"}, {"--tag"}},
      {{"app", "build", "--q"}, {"--quiet"}},
      {{"app", "--progress", "p"}, {"plain"}},
      {{"app", "db", "import", "--progress", "a"}, {"auto"}},
      // The value of an option is no command.
      {{"app", "--store", "db", "b"}, {"build"}},
      {{"app", "build", "-t", "x"}, {}},
      {{"app", "build", "et"}, {"etc"}},
      {{"app", "--store", "et"}, {"etc"}},
      {{"app", "nothing", "d"}, {"db"}},
  };
  for (const auto& [typed, expected] : cases)
    EXPECT_EQ(offered(typed), expected) << fmt::format("{}", fmt::join(typed, " "));
}

TEST(ZshCompletion, DescribesCommandsAndOptions) {
  const std::string script = *completion_script("zsh", app());
  EXPECT_TRUE(script.starts_with("#compdef app\n"));
  EXPECT_NE(script.find("below=('build:make: an image' 'db:data')"), std::string::npos);
  EXPECT_NE(script.find("'--store:the user'\\''s store'"), std::string::npos);
  EXPECT_NE(script.find("compadd -- auto plain"), std::string::npos);
}

TEST(FishCompletion, DescribesCommandsAndOptions) {
  const std::string script = *completion_script("fish", app());
  EXPECT_NE(script.find("complete -c app -n '__app_at \"app db\"' -a import -d 'read'\n"), std::string::npos);
  EXPECT_NE(script.find("complete -c app -l store -x -a '(__fish_complete_directories)' -d 'the user\\'s store'\n"),
            std::string::npos);
  EXPECT_NE(script.find("complete -c app -n '__app_at \"app build\"' -s t -l tag -x -d 'name'\n"), std::string::npos);
}

TEST(Completion, AnUnknownShellIsRefused) {
  const auto script = completion_script("tcsh", app());
  ASSERT_FALSE(script);
  EXPECT_EQ(script.error().text(), "no completion for 'tcsh' (use bash, zsh or fish)");
}

}  // namespace
}  // namespace scangate
