#include "pipeline/command/shell_words.h"

#include <gtest/gtest.h>

#include "base/json/json.h"

namespace scangate::command {
namespace {

// "joiner[flags] word|word" for each command; flags: c conditional, s subshell, f function.
std::vector<std::string> shape(std::string_view text) {
  const auto script = parse_shell(text);
  if (!script) return {"error " + script.error().text()};
  std::vector<std::string> out;
  for (const SimpleCommand& command : script->commands) {
    std::string line(name_of(command.joiner));
    if (command.conditional) line += 'c';
    if (command.subshell) line += 's';
    if (!command.function.empty()) line += "f=" + command.function;
    for (const Assignment& assignment : command.assignments)
      line += " " + assignment.name + (assignment.append ? "+=" : "=") + assignment.value.display();
    for (const Word& word : command.words)
      line += "|" + word.display();
    for (const Redirection& redirection : command.redirections)
      line += " " + redirection.op + redirection.target.display();
    out.push_back(std::move(line));
  }
  return out;
}
using Shape = std::vector<std::string>;

TEST(ShellWords, QuotingAndEscapes) {
  const std::pair<const char*, const char*> cases[] = {
      {"a 'b c' d", "first|a|b c|d"},
      {"a \"b 'c'\" ''", "first|a|b 'c'|"},
      {"a b\\ c \\$x", "first|a|b c|$x"},
      {"a \"x\\\"y\\$z\\q\"", "first|a|x\"y$z\\q"},
      {"a $'t\\tn\\x41\\101\\''", "first|a|t\tnAA'"},
      {"a\\\n  b", "first|a|b"},
      {"a \"b\\\nc\"", "first|a|bc"},
      {"a b#c # comment", "first|a|b#c"},
      {"a pre\"mid\"'end'", "first|a|premidend"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(shape(text), Shape{expected}) << text;
}

TEST(ShellWords, PartsKeepVariablesAndWhatIsUndecidableApart) {
  const auto script = parse_shell("x \"$A/${B:-d}-$(date)\"$C`w`${D#p}$1${E:-$F}");
  ASSERT_TRUE(script);
  // date and w stand before the command that uses them.
  ASSERT_EQ(script->commands.size(), 3U);
  using Kind = WordPart::Kind;
  const std::vector<WordPart> expected = {
      {Kind::variable, "A", true, std::nullopt, false},
      {Kind::literal, "/", true, std::nullopt, false},
      {Kind::variable, "B", true, "d", true},
      {Kind::literal, "-", true, std::nullopt, false},
      {Kind::undecidable, "$(date)", true, std::nullopt, false},
      {Kind::variable, "C", false, std::nullopt, false},
      {Kind::undecidable, "`w`", false, std::nullopt, false},
      {Kind::undecidable, "${D#p}", false, std::nullopt, false},
      {Kind::undecidable, "$1", false, std::nullopt, false},
      {Kind::undecidable, "${E:-$F}", false, std::nullopt, false},
  };
  EXPECT_EQ(script->commands[2].words.at(1).parts, expected);
}

TEST(ShellWords, CommandsAndHowTheyAreJoined) {
  EXPECT_EQ(shape("a; b && c || d | e & f\ng"), (Shape{"first|a", ";|b", "&&|c", "||cs|d", "|s|e", "&|f", ";|g"}));
  EXPECT_EQ(shape("a &&\n b |\n c"), (Shape{"first|a", "&&s|b", "|s|c"}));
  EXPECT_EQ(shape("[ -n \"$X\" ] && push"), (Shape{"first|[|-n|$X|]", "&&c|push"}));
  EXPECT_EQ(shape("[[ $A == b && ( $C < d ) ]] && push"), (Shape{"first|[[|$A|==|b|$C|d|]]", "&&c|push"}));
}

TEST(ShellWords, AssignmentsAndRedirections) {
  EXPECT_EQ(shape("A=1 B+=\"x y\" run C=2"), Shape{"first A=1 B+=x y|run|C=2"});
  EXPECT_EQ(shape("A=$(cmd x)"), (Shape{"firsts|cmd|x", "first A=$(cmd x)"}));
  EXPECT_EQ(shape("ARR=(a b c)\nx"), (Shape{"first ARR=(a b c)", ";|x"}));
  EXPECT_EQ(shape("a > out 2>&1 < in x <<< \"w\" &> all"), Shape{"first|a|x >out 2>&1 <in <<<w &>all"});
  EXPECT_EQ(shape("a > $(mktemp)"), (Shape{"firsts|mktemp", "first|a >$(mktemp)"}));
  EXPECT_EQ(shape("a <(b c) d"), (Shape{"firsts|b|c", "first|a|<(b c)|d"}));
}

TEST(ShellWords, CompoundCommandsMarkWhatMayNotRun) {
  EXPECT_EQ(shape("if test -f x; then a; elif b; then c; else d; fi; e"),
            (Shape{"first|test|-f|x", "firstc|a", "firstc|b", "firstc|c", "firstc|d", ";|e"}));
  EXPECT_EQ(shape("for i in a b $(c); do d $i; done\ne"), (Shape{"firsts|c", "firstc|d|$i", ";|e"}));
  EXPECT_EQ(shape("while read x; do a; done < file\nb"), (Shape{"first|read|x", "firstc|a", "; <file", ";|b"}));
  EXPECT_EQ(shape("case $x in\n a|b) one;;\n (c) two ;;\n *) three\nesac\nfour"),
            (Shape{"firstc|one", ";c|two", ";c|three", ";|four"}));
  EXPECT_EQ(shape("f() {\n a\n}\nfunction g { b; }\nf"), (Shape{"firstcf=f|a", "firstcf=g|b", ";|f"}));
  EXPECT_EQ(shape("(a; b) && c"), (Shape{"firsts|a", ";s|b", "&&|c"}));
  EXPECT_EQ(shape("{ a; } || { b; }"), (Shape{"first|a", "firstc|b"}));
  EXPECT_EQ(shape("! a"), Shape{"first|a"});
  EXPECT_EQ(shape("echo if then fi done"), Shape{"first|echo|if|then|fi|done"});
  EXPECT_EQ(shape("(( x > 1 )) && a"), (Shape{"first|((", "&&c|a"}));
}

TEST(ShellWords, HeredocsAreSkipped) {
  EXPECT_EQ(shape("cat <<EOF > x\ndocker push evil\nEOF\nafter"), (Shape{"first|cat <<EOF >x", ";|after"}));
  EXPECT_EQ(shape("cat <<-'E'\n\tdocker push\n\tE\nafter"), (Shape{"first|cat <<-E", ";|after"}));
  EXPECT_EQ(shape("a <<X; b <<Y\n1\nX\n2\nY\nc"), (Shape{"first|a <<X", ";|b <<Y", ";|c"}));
  EXPECT_EQ(shape("a <<X\nno end"), Shape{"first|a <<X"});
}

TEST(ShellWords, PlacesCountFromOne) {
  const auto script = parse_shell("a\n  bc \"d\"");
  ASSERT_TRUE(script);
  EXPECT_EQ(script->commands[1].line, 2);
  EXPECT_EQ(script->commands[1].column, 3);
  EXPECT_EQ(script->commands[1].words[1].column, 6);
  EXPECT_EQ(script->commands[1].begin, 4U);
  EXPECT_EQ(script->commands[1].end, 10U);
}

TEST(ShellWords, WhatIsNotClosedIsAnErrorAtItsPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"a 'b", "1:3: the quote ' is not closed"}, {"a\n\"b", "2:1: the quote \" is not closed"},
      {"a $(b", "1:4: '(' is not closed"},        {"a ${b", "1:3: '${b' is not closed"},
      {"a `b", "1:3: the quote ` is not closed"}, {"a )", "1:3: ')' without '('"},
      {"(a", "1:1: '(' is not closed"},           {"a $((1", "1:3: '$((' is not closed"},
  };
  for (const auto& [text, message] : cases) {
    const auto script = parse_shell(text);
    ASSERT_FALSE(script) << text;
    EXPECT_EQ(script.error().text(), message) << text;
  }
}

TEST(ShellWords, NestingAndSizeAreCapped) {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i)
      text += "a $(";
    return text + "b" + std::string(static_cast<std::size_t>(depth), ')');
  };
  EXPECT_TRUE(parse_shell(nested(kMaxShellNesting)));
  EXPECT_FALSE(parse_shell(nested(kMaxShellNesting + 1)));
  EXPECT_FALSE(parse_shell(nested(100'000)));
  std::string loops;
  for (int i = 0; i < 100'000; ++i)
    loops += "for x in $(";
  EXPECT_FALSE(parse_shell(loops));
  EXPECT_FALSE(parse_shell(std::string(100'000, '(')));
  std::string ifs;
  for (int i = 0; i <= kMaxShellNesting; ++i)
    ifs += "if ";
  EXPECT_FALSE(parse_shell(ifs + "x"));
  std::string many;
  for (std::size_t i = 0; i < kMaxShellCommands; ++i)
    many += "a\n";
  EXPECT_TRUE(parse_shell(many));
  EXPECT_FALSE(parse_shell(many + "a\n"));
  EXPECT_FALSE(parse_shell(std::string(kMaxScriptBytes + 1, ' ')));
}

TEST(ShellWords, DebugJson) {
  const auto script = parse_shell("docker push \"$A:1\"");
  ASSERT_TRUE(script);
  const auto json = parse_json(debug_json(*script), "debug");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->at("commands").at(0).at("words").at(2).at(0).at("variable"), "A");
}

}  // namespace
}  // namespace scangate::command
