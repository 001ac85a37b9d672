#pragma once
// A Dockerfile as values: every node knows its line and column. The language is BuildKit's stable one
// (docs.docker.com/reference/dockerfile); what a builder can execute of it is the builder's matter. The namespace keeps
// its words (stage, place, warning) apart from those of .gitlab-ci.yml.
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace scangate::dockerfile {

// 1-based; columns count bytes. {0, 0} means "no place of its own".
struct Place {
  int line = 0;
  int column = 0;
  bool operator==(const Place&) const = default;
};

struct Word {
  std::string text;  // as written, quotes and variables untouched
  Place place;
};

struct KeyValue {
  std::string key;
  std::string value;
  Place place;
};

struct Heredoc {
  std::string name;
  std::string content;  // complete lines, also the last one ends in \n
  bool expand = true;   // false when the delimiter was quoted
  bool strip_tabs = false;
  unsigned file_descriptor = 0;  // the number before `<<`
  Place place;                   // of the `<<` word
  // The content with leading tabs removed when `<<-` asks for it.
  std::string text() const;
};

enum class Form { shell, exec };

// The body of RUN, CMD, ENTRYPOINT, SHELL and HEALTHCHECK CMD.
struct CommandLine {
  Form form = Form::shell;
  std::vector<std::string> words;  // exec: the JSON strings; shell: one word, the whole text (none when empty)
  std::vector<Heredoc> heredocs;
};

// One `--mount=`: `type` is resolved (bind when absent); options keep their order and are not expanded.
struct Mount {
  std::string type;
  std::vector<KeyValue> options;
  Place place;
};

struct FromLine {
  Word base;             // image reference, stage name, stage number or "scratch", before expansion
  std::string platform;  // of --platform, before expansion
  std::string name;      // of AS, lower case; empty when there is none
};
struct ArgName {
  std::string name;
  std::optional<std::string> fallback;  // the text after `=`
  Place place;
};
struct ArgLine {
  std::vector<ArgName> args;
};
struct EnvLine {
  std::vector<KeyValue> variables;
};
struct LabelLine {
  std::vector<KeyValue> labels;
};
struct RunLine {
  CommandLine command;
  std::vector<Mount> mounts;
  std::string network;   // "", default, none, host
  std::string security;  // "", sandbox, insecure
  std::vector<Word> devices;
};
struct CmdLine {
  CommandLine command;
};
struct EntrypointLine {
  CommandLine command;
};
struct ShellLine {
  std::vector<std::string> words;
};

enum class CopyKind { copy, add };
struct CopyLine {
  CopyKind kind = CopyKind::copy;
  std::vector<Word> sources;
  std::vector<Heredoc> files;  // heredoc sources
  Word destination;
  std::optional<Word> from;  // COPY only
  std::optional<Word> chown;
  std::optional<Word> chmod;
  std::optional<Word> checksum;  // ADD only
  std::vector<Word> excludes;
  bool link = false;
  bool parents = false;                 // COPY only
  std::optional<bool> keep_git_folder;  // ADD only
  std::optional<bool> unpack;           // ADD only
};
struct WorkdirLine {
  Word path;
};
struct UserLine {
  Word user;
};
struct ExposeLine {
  std::vector<Word> ports;
};
struct VolumeLine {
  std::vector<Word> paths;
};
struct StopSignalLine {
  Word signal;
};
struct MaintainerLine {
  std::string who;
};
struct HealthcheckLine {
  bool none = false;
  CommandLine command;
  std::chrono::nanoseconds interval{0};  // 0: the runtime's default, here and below
  std::chrono::nanoseconds timeout{0};
  std::chrono::nanoseconds start_period{0};
  std::chrono::nanoseconds start_interval{0};
  int retries = 0;
};
struct OnbuildLine {
  std::string trigger;       // upper-case name of the instruction
  std::string text;          // what stands after ONBUILD
  std::vector<Word> copies;  // --from of a COPY trigger: a stage it will need
};

using InstructionBody = std::variant<FromLine, ArgLine, EnvLine, LabelLine, RunLine, CmdLine, EntrypointLine, ShellLine,
                                     CopyLine, WorkdirLine, UserLine, ExposeLine, VolumeLine, StopSignalLine,
                                     MaintainerLine, HealthcheckLine, OnbuildLine>;

struct Instruction {
  std::string name;  // upper case
  Place place;
  int last_line = 0;  // inclusive, heredocs and continuations counted
  std::string text;   // the logical line: continuations joined, comments gone, without heredoc bodies
  InstructionBody body;
};

struct Stage {
  std::size_t index = 0;
  std::string name;  // lower case, empty when there is none
  Instruction from;  // body is a FromLine
  std::vector<Instruction> instructions;
  const FromLine& from_line() const { return std::get<FromLine>(from.body); }
};

struct Warning {
  Place place;
  std::string rule;  // BuildKit's names: "DuplicateStageName"
  std::string text;
};

struct Dockerfile {
  std::string name;           // as given to the parser, for messages: "Dockerfile", "docker/web.Dockerfile"
  std::string text;           // the whole of it, for excerpts
  char escape = '\\';         // or '`'
  std::string syntax;         // of `# syntax=`; empty when there is none
  std::string check;          // of `# check=`
  std::vector<ArgLine> args;  // before the first FROM, in order
  std::vector<Stage> stages;  // at least one
  std::vector<Warning> warnings;
};

// "Dockerfile:7:12".
std::string place_text(const std::string& file_name, Place place);

}  // namespace scangate::dockerfile
