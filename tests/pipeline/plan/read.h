#pragma once
// A plan straight from YAML text, for tests.
#include <string>

#include "pipeline/ci/pipeline.h"
#include "pipeline/plan/plan.h"
#include "tests/pipeline/ci/memory_files.h"

namespace scangate::plan {

inline ci::PipelineContext test_context() {
  ci::PipelineContext context;
  context.branch = "main";
  context.default_branch = "main";
  context.sha = "0123456789abcdef0123456789abcdef01234567";
  context.project_path = "group/app";
  context.registry = "registry.example.com";
  return context;
}

inline Result<Plan> read_plan(const std::string& text, const ci::PipelineContext& context = test_context()) {
  ci::MemoryFiles files(text);
  files.files["Dockerfile"] = "FROM debian\n";
  SCANGATE_TRY(const ci::Pipeline pipeline, ci::read_pipeline(files, ".gitlab-ci.yml", context));
  return make_plan(pipeline);
}

// "build a:1, b:2" for each operation; "?" behind what is not decided, "*" behind what may not run, "<job/operation"
// for where an image was made.
inline std::vector<std::string> shape(const Job& job) {
  std::vector<std::string> out;
  for (const Operation& operation : job.operations) {
    std::string line(name_of(operation.kind));
    for (const Name& image : operation.images)
      line += " " + image.text + (image.decided ? "" : "?");
    if (operation.conditional) line += " *";
    if (operation.made_by) line += fmt::format(" <{}/{}", operation.made_by->job, operation.made_by->operation);
    if (operation.same_as) line += fmt::format(" ={}/{}", operation.same_as->job, operation.same_as->operation);
    out.push_back(std::move(line));
  }
  return out;
}

inline std::vector<std::string> notes(const Job& job) {
  std::vector<std::string> out;
  for (const Note& note : job.notes)
    out.push_back(note.place.str() + ": " + note.text);
  return out;
}

}  // namespace scangate::plan
