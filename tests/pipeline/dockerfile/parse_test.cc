#include "pipeline/dockerfile/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scangate::dockerfile {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

Dockerfile parsed(std::string_view text) {
  auto file = parse_dockerfile(text, "Dockerfile");
  EXPECT_TRUE(file) << (file ? "" : file.error().text());
  return file ? *file : Dockerfile{};
}

template <class Body>
const Body& body(const Dockerfile& file, std::size_t index, std::size_t stage = 0) {
  return std::get<Body>(file.stages.at(stage).instructions.at(index).body);
}

TEST(ParseDockerfile, EveryInstructionKnowsItsPlace) {
  const auto file = parsed("# a comment\n\n  FROM debian AS base\nENV A=1 \\\n  # inside\n\n    B=2\nRUN true\n");
  ASSERT_THAT(file.stages, SizeIs(1));
  EXPECT_EQ(file.stages[0].name, "base");
  EXPECT_EQ(file.stages[0].from.place, (Place{3, 3}));
  EXPECT_EQ(file.stages[0].from_line().base.place, (Place{3, 8}));
  const auto& env = body<EnvLine>(file, 0).variables;
  ASSERT_THAT(env, SizeIs(2));
  EXPECT_EQ(env[0].place, (Place{4, 5}));
  EXPECT_EQ(env[1].key, "B");
  EXPECT_EQ(env[1].place, (Place{7, 5}));
  EXPECT_EQ(file.stages[0].instructions[0].last_line, 7);
  EXPECT_EQ(file.stages[0].instructions[1].place, (Place{8, 1}));
  ASSERT_THAT(file.warnings, SizeIs(1));
  EXPECT_EQ(file.warnings[0].text, "an empty line inside a continuation is ignored");
}

TEST(ParseDockerfile, CrLfAndByteOrderMarkDoNotMatter) {
  const auto file = parsed(
      "\xEF\xBB\xBF"
      "FROM debian\r\nRUN a \\\r\n  b\r\n");
  EXPECT_THAT(body<RunLine>(file, 0).command.words, ElementsAre("a   b"));
}

TEST(ParseDockerfile, EscapeDirectiveChangesTheContinuation) {
  const auto file = parsed("# syntax = docker/dockerfile:1\n# ESCAPE=`\nFROM debian\nCOPY a `\n C:\\dir\\\nRUN x\n");
  EXPECT_EQ(file.escape, '`');
  EXPECT_EQ(file.syntax, "docker/dockerfile:1");
  EXPECT_EQ(body<CopyLine>(file, 0).destination.text, "C:\\dir\\");
  EXPECT_THAT(file.stages[0].instructions, SizeIs(2));
}

TEST(ParseDockerfile, DirectiveAfterACommentIsAComment) {
  EXPECT_EQ(parsed("# hello\n# escape=`\nFROM a\n").escape, '\\');
}

TEST(ParseDockerfile, AnEscapedBackslashAtTheEndDoesNotContinue) {
  const auto file = parsed("FROM a\nRUN echo x\\\\\nRUN y\n");
  EXPECT_THAT(file.stages[0].instructions, SizeIs(2));
}

TEST(ParseDockerfile, HeredocsOfRunAndCopy) {
  const auto file = parsed(
      "FROM a\nRUN <<EOF cat - && sh <<-'B'\nhi $x\nEOF\n\ttwo\n\tB\nCOPY <<a.txt <<\"b.txt\" "
      "/d/\n1\na.txt\n2\nb.txt\nRUN "
      "last\n");
  const auto& run = body<RunLine>(file, 0);
  ASSERT_THAT(run.command.heredocs, SizeIs(2));
  EXPECT_EQ(run.command.words[0], "<<EOF cat - && sh <<-'B'");
  EXPECT_EQ(run.command.heredocs[0].content, "hi $x\n");
  EXPECT_TRUE(run.command.heredocs[0].expand);
  EXPECT_EQ(run.command.heredocs[1].name, "B");
  EXPECT_EQ(run.command.heredocs[1].text(), "two\n");
  EXPECT_FALSE(run.command.heredocs[1].expand);
  EXPECT_EQ(file.stages[0].instructions[0].last_line, 6);
  const auto& copy = body<CopyLine>(file, 1);
  EXPECT_THAT(copy.sources, SizeIs(0));
  ASSERT_THAT(copy.files, SizeIs(2));
  EXPECT_EQ(copy.files[1].name, "b.txt");
  EXPECT_FALSE(copy.files[1].expand);
  EXPECT_EQ(copy.destination.text, "/d/");
  EXPECT_EQ(file.stages[0].instructions[2].place, (Place{12, 1}));
}

TEST(ParseDockerfile, ShiftsAndQuotedMarksAreNoHeredocs) {
  const auto file = parsed("FROM a\nRUN echo $((1 << 2)) \"<<EOF\"\nCMD [\"sh\", \"<<X\"]\n");
  EXPECT_THAT(body<RunLine>(file, 0).command.heredocs, SizeIs(0));
}

TEST(ParseDockerfile, JsonThatIsNoneBecomesShellForm) {
  const auto file = parsed("FROM a\nCMD [\"a\", \"b\"]\nCMD ['a']\nCMD [\"a\"] x\nENTRYPOINT []\n");
  EXPECT_EQ(body<CmdLine>(file, 0).command.form, Form::exec);
  EXPECT_THAT(body<CmdLine>(file, 0).command.words, ElementsAre("a", "b"));
  EXPECT_EQ(body<CmdLine>(file, 1).command.form, Form::shell);
  EXPECT_THAT(body<CmdLine>(file, 1).command.words, ElementsAre("['a']"));
  EXPECT_EQ(body<CmdLine>(file, 2).command.form, Form::shell);
  EXPECT_EQ(body<EntrypointLine>(file, 3).command.form, Form::exec);
  EXPECT_THAT(body<EntrypointLine>(file, 3).command.words, SizeIs(0));
}

TEST(ParseDockerfile, CopyFlagsAreRead) {
  const auto file = parsed(
      "FROM a\nCOPY --from=x --chown=1:2 --chmod=u=rwX --link --parents=false --exclude=*.o --exclude=t a b /c/\n"
      "ADD --checksum=sha256:0 --keep-git-dir=true --unpack=false u /\n");
  const auto& copy = body<CopyLine>(file, 0);
  EXPECT_EQ(copy.from->text, "x");
  EXPECT_EQ(copy.from->place, (Place{2, 6}));
  EXPECT_EQ(copy.chmod->text, "u=rwX");
  EXPECT_TRUE(copy.link);
  EXPECT_FALSE(copy.parents);
  EXPECT_THAT(copy.excludes, SizeIs(2));
  EXPECT_THAT(copy.sources, SizeIs(2));
  const auto& add = body<CopyLine>(file, 1);
  EXPECT_EQ(add.kind, CopyKind::add);
  EXPECT_EQ(add.unpack, false);
  EXPECT_EQ(add.keep_git_folder, true);
}

TEST(ParseDockerfile, RunFlagsAreRead) {
  const auto file = parsed(
      "FROM a\nRUN --mount=type=cache,target=/c,sharing=locked --mount=src=a,dst=/b,ro --network=none "
      "--security=insecure x\n");
  const auto& run = body<RunLine>(file, 0);
  ASSERT_THAT(run.mounts, SizeIs(2));
  EXPECT_EQ(run.mounts[0].type, "cache");
  EXPECT_EQ(run.mounts[1].type, "bind");
  EXPECT_EQ(run.mounts[1].options[0].key, "source");
  EXPECT_EQ(run.mounts[1].options[2].value, "true");
  EXPECT_EQ(run.network, "none");
  EXPECT_THAT(run.command.words, ElementsAre("x"));
}

TEST(ParseDockerfile, HealthcheckDurationsAreNanoseconds) {
  const auto file =
      parsed("FROM a\nHEALTHCHECK --interval=1m30s --timeout=300ms --retries=3 CMD curl x\nHEALTHCHECK NONE\n");
  const auto& health = body<HealthcheckLine>(file, 0);
  EXPECT_EQ(health.interval.count(), 90'000'000'000);
  EXPECT_EQ(health.timeout.count(), 300'000'000);
  EXPECT_EQ(health.retries, 3);
  EXPECT_THAT(health.command.words, ElementsAre("curl x"));
  EXPECT_TRUE(body<HealthcheckLine>(file, 1).none);
}

TEST(ParseDockerfile, OldPairsTakeTheRestOfTheLine) {
  const auto file = parsed("FROM a\nENV ONE TWO= THREE=world\nLABEL a=\"b c\" d='e' f=g\\ h\n");
  EXPECT_EQ(body<EnvLine>(file, 0).variables[0].value, "TWO= THREE=world");
  const auto& labels = body<LabelLine>(file, 1).labels;
  ASSERT_THAT(labels, SizeIs(3));
  EXPECT_EQ(labels[0].value, "\"b c\"");
  EXPECT_EQ(labels[2].value, "g\\ h");
}

TEST(ParseDockerfile, OnbuildChecksItsTrigger) {
  const auto file = parsed("FROM a\nONBUILD COPY --from=x . /src\n");
  EXPECT_EQ(body<OnbuildLine>(file, 0).trigger, "COPY");
  EXPECT_EQ(body<OnbuildLine>(file, 0).text, "COPY --from=x . /src");
}

struct Refused {
  std::string text;
  std::string message;
};
class Refusals : public ::testing::TestWithParam<Refused> {};

TEST_P(Refusals, NamePlaceCauseAndRemedy) {
  auto file = parse_dockerfile(GetParam().text, "Dockerfile");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().text(), GetParam().message);
  EXPECT_EQ(file.error().fault(), Fault::user);
}

INSTANTIATE_TEST_SUITE_P(
    ParseDockerfile, Refusals,
    ::testing::Values(
        Refused{"FROM a\nCOPPY x y\n", "Dockerfile:2:1: unknown instruction 'COPPY' (did you mean 'COPY'?)"},
        Refused{"FROM a\nCOPY --form=x y z\n",
                "Dockerfile:2:6: COPY does not know the flag '--form' (did you mean '--from'?)"},
        Refused{"FROM a\nCOPY --from=x --from=y y z\n", "Dockerfile:2:15: the flag '--from' may be given once"},
        Refused{"FROM a\nCOPY --from y z\n", "Dockerfile:2:6: the flag '--from' needs a value (write --from=VALUE)"},
        Refused{"FROM a\nCOPY --link=maybe y z\n", "Dockerfile:2:6: '--link' is true or false, not 'maybe'"},
        Refused{"FROM a\nCOPY y\n", "Dockerfile:2:1: COPY needs at least one source and a destination"},
        Refused{"FROM a\nADD --from=x y /\n", "Dockerfile:2:5: ADD does not know the flag '--from'"},
        Refused{"FROM a\nRUN cat <<EOF\nx\n",
                "Dockerfile:2:9: the heredoc 'EOF' is not ended (add a line with only EOF after its text)"},
        Refused{"FROM a b\n", "Dockerfile:1:1: FROM takes an image, or an image, AS and a stage name"},
        Refused{
            "FROM a AS 1b\n",
            "Dockerfile:1:11: '1b' is not a stage name: it starts with a letter and holds letters, digits, '-', '_' "
            "and '.'"},
        Refused{"RUN x\n", "Dockerfile:1:1: RUN stands before the first FROM (only ARG may; begin with FROM)"},
        Refused{"", "Dockerfile:1:1: there is no FROM (begin with FROM IMAGE)"},
        Refused{"# escape=x\nFROM a\n", "Dockerfile:1:1: invalid escape character 'x': it must be \\ or `"},
        Refused{"# escape=`\n# escape=`\nFROM a\n", "Dockerfile:2:1: the parser directive 'escape' may be given once"},
        Refused{"FROM a\nENV A\n", "Dockerfile:2:5: ENV needs a value for 'A' (write ENV A=VALUE)"},
        Refused{"FROM a\nENV A=1 B\n",
                "Dockerfile:2:9: 'B' is not of the form name=value (quote a value that has blanks)"},
        Refused{"FROM a\nCMD [1]\n", "Dockerfile:2:5: a JSON array here may hold strings only"},
        Refused{"FROM a\nSHELL /bin/sh\n",
                "Dockerfile:2:1: SHELL needs a JSON array (write SHELL [\"/bin/bash\", \"-c\"])"},
        Refused{"FROM a\nHEALTHCHECK --interval=1 CMD x\n",
                "Dockerfile:2:13: '1' is not a duration such as 30s or 1m30s"},
        Refused{"FROM a\nHEALTHCHECK RUN x\n", "Dockerfile:2:13: HEALTHCHECK takes CMD or NONE, not 'RUN'"},
        Refused{"FROM a\nONBUILD ONBUILD RUN x\n", "Dockerfile:2:9: ONBUILD is not allowed after ONBUILD"},
        Refused{"FROM a\nONBUILD COPPY a b\n", "Dockerfile:2:9: unknown instruction 'COPPY' (did you mean 'COPY'?)"},
        Refused{"FROM a\nRUN --mount=type=cach,target=/x y\n",
                "Dockerfile:2:5: unknown mount type 'cach' (did you mean 'cache'?)"},
        Refused{"FROM a\nRUN --mount=type=cache y\n", "Dockerfile:2:5: a mount of type cache needs a target"},
        Refused{"FROM a\nRUN \\\n  --network=private x\n",
                "Dockerfile:3:3: RUN --network is default or none or host, not 'private'"},
        Refused{"FROM a\nRUN\n", "Dockerfile:2:1: RUN needs a command"},
        Refused{"FROM a\nWORKDIR\n", "Dockerfile:2:1: WORKDIR needs one argument"}));

TEST(ParseDockerfile, CapsAreExact) {
  std::string text = "FROM a\n";
  for (std::size_t i = 1; i < kMaxInstructions; ++i)
    text += "CMD x\n";
  EXPECT_TRUE(parse_dockerfile(text, "Dockerfile"));
  text += "CMD x\n";
  auto file = parse_dockerfile(text, "Dockerfile");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().text(), "Dockerfile: more than 20000 instructions");
}

}  // namespace
}  // namespace scangate::dockerfile
