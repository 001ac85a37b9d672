#pragma once
// Which jobs build and push which images, read from their scripts, with a scan inserted before each push. It only
// shows: the gate itself sees the real commands at run time and lets none of them past, whether or not they are in a
// plan.
//
//   const Plan plan = make_plan(*pipeline);
//   std::string out = plan_text(plan, {.colors = isatty(1)});
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/ci/pipeline.h"

namespace scangate::plan {

// Operations kept of one job; more are counted in a note. A script with more pushes than this is no longer read by
// people.
inline constexpr std::size_t kMaxOperations = 500;

// A name of an image or registry. What only the running job knows stands in it as $NAME or as written.
struct Name {
  std::string text;
  bool decided = true;
  bool operator==(const Name&) const = default;
};

enum class Kind : std::uint8_t { login, pull, build, tag, scan, push, load };
std::string_view name_of(Kind kind);

// Where an operation stands: Plan::jobs[job].operations[operation].
struct Position {
  std::size_t job = 0;
  std::size_t operation = 0;
  bool operator==(const Position&) const = default;
};

struct Operation {
  Kind kind = Kind::build;
  // build: its tags; pull, scan, push: the image; tag: source and target; login: the server (none: Docker Hub).
  std::vector<Name> images;
  // The line of the script; of the push for a scan, which nobody wrote.
  ci::Place place;
  std::string command;  // as written, on one line; of a login without user and password
  // In an if, a loop, a function or behind ||: it may not run, or run more than once.
  bool conditional = false;
  bool inserted = false;  // by us: a scan
  bool all_tags = false;  // push: every tag of the repository
  // build: what it builds from
  Name context;
  Name dockerfile;  // empty: "Dockerfile" in the context
  Name target;
  // tag, scan, push: the build, pull or load that made the image, in this job or an earlier one. Nothing: not in this
  // pipeline as far as the scripts tell.
  std::optional<Position> made_by;
  // scan: an earlier scan of the same image, whose verdict is used again.
  std::optional<Position> same_as;
};

// Something a reader should know about a line of a script.
struct Note {
  ci::Place place;
  std::string text;
};

struct Job {
  std::string name;
  std::string stage;
  std::string image;  // empty: the runner's default
  ci::When when = ci::When::on_success;
  std::optional<std::vector<std::string>> needs;
  std::vector<Operation> operations;  // in the order of the script
  std::vector<Note> notes;
};

struct Plan {
  std::string name;
  std::vector<std::string> stages;  // those with jobs
  std::vector<Job> jobs;            // as in the pipeline
  std::optional<std::string> not_created;
  std::vector<std::pair<std::string, std::string>> left_out;
  std::vector<Note> warnings;  // of the configuration

  std::size_t count(Kind kind) const;
};

// Never fails: what cannot be read of a script is a note.
Plan make_plan(const ci::Pipeline& pipeline);

struct TextStyle {
  bool colors = false;  // ANSI colours, for terminals
};
// For people. Free of control characters, whatever the configuration holds.
std::string plan_text(const Plan& plan, const TextStyle& style = {});
// One JSON document; key order is stable.
std::string plan_json(const Plan& plan);
// A flowchart for Markdown: https://mermaid.js.org/syntax/flowchart.html
std::string plan_mermaid(const Plan& plan);

}  // namespace scangate::plan
