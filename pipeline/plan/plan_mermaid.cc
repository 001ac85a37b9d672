#include <map>

#include "base/text.h"
#include "pipeline/plan/plan.h"

namespace scangate::plan {
namespace {

// Inside a quoted label only entities are safe for what Mermaid or HTML would read.
std::string label(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '"' || c == '#' || c == '<' || c == '>' || c == '&' || c == ';' || c == '`')
      out += fmt::format("#{};", static_cast<int>(c));
    else
      out += c == '\n' || c == '\t' ? ' ' : c;
  }
  return out;
}

std::string images(const Operation& operation) {
  std::string out;
  for (const Name& image : operation.images)
    out += (out.empty() ? "" : "<br/>") + label(image.text);
  return out;
}

}  // namespace

std::string plan_mermaid(const Plan& plan) {
  std::string out = "flowchart LR\n";
  std::map<std::string, std::size_t, std::less<>> index;
  for (std::size_t i = 0; i < plan.jobs.size(); ++i)
    index.emplace(plan.jobs[i].name, i);
  std::size_t stage_number = 0;
  for (const std::string& stage : plan.stages) {
    out += fmt::format("  subgraph s{}[\"{}\"]\n", stage_number++, label(stage));
    for (std::size_t i = 0; i < plan.jobs.size(); ++i) {
      const Job& job = plan.jobs[i];
      if (job.stage != stage) continue;
      out += fmt::format("    j{}([\"{}\"])\n", i, label(job.name));
      std::string last = fmt::format("j{}", i);
      for (std::size_t k = 0; k < job.operations.size(); ++k) {
        const Operation& operation = job.operations[k];
        if (operation.kind == Kind::login) continue;
        const std::string node = fmt::format("j{}o{}", i, k);
        const std::string text = fmt::format("{}<br/>{}", name_of(operation.kind), images(operation));
        if (operation.kind == Kind::scan)
          out += fmt::format("    {}{{\"scan\"}}:::scan\n", node);
        else
          out += fmt::format("    {}[\"{}\"]\n", node, text);
        const bool allowed = k > 0 && job.operations[k - 1].kind == Kind::scan;
        out += fmt::format("    {} -->{} {}\n", last, allowed ? "|pass|" : "", node);
        last = node;
      }
    }
    out += "  end\n";
  }
  for (std::size_t i = 0; i < plan.jobs.size(); ++i) {
    const Job& job = plan.jobs[i];
    if (!job.needs) continue;
    for (const std::string& need : *job.needs)
      if (const auto found = index.find(need); found != index.end())
        out += fmt::format("  j{} -.-> j{}\n", found->second, i);
  }
  for (std::size_t i = 1; i < stage_number; ++i)
    out += fmt::format("  s{} --> s{}\n", i - 1, i);
  return out + "  classDef scan fill:#fff3c4,stroke:#b58900\n";
}

}  // namespace scangate::plan
