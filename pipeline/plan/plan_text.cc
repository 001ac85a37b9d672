#include <algorithm>

#include "base/text.h"
#include "pipeline/plan/plan.h"

namespace scangate::plan {
namespace {

constexpr std::string_view kBold = "1";
constexpr std::string_view kDim = "2";
constexpr std::string_view kYellow = "33";
constexpr std::string_view kCyan = "36";

class Painter {
 public:
  explicit Painter(bool colors) : colors_(colors) {}
  std::string operator()(std::string_view code, std::string_view text) const {
    if (!colors_ || text.empty()) return std::string(text);
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
  }

 private:
  bool colors_;
};

// Names come from the repository: no control character of theirs reaches a terminal, no newline breaks a row.
std::string clean(std::string_view text) {
  std::string out = printable(text);
  std::replace(out.begin(), out.end(), '\n', ' ');
  std::replace(out.begin(), out.end(), '\t', ' ');
  return out;
}

std::string plural(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string names(const std::vector<Name>& images, std::string_view between) {
  std::string out;
  for (const Name& image : images)
    out += (out.empty() ? "" : std::string(between)) + clean(image.text);
  return out;
}

bool decided(const Operation& operation) {
  return std::all_of(operation.images.begin(), operation.images.end(), [](const Name& name) { return name.decided; });
}

std::string what(const Operation& operation) {
  switch (operation.kind) {
    case Kind::tag:
      return names(operation.images, " as ");
    case Kind::login:
      return operation.images.empty() ? "Docker Hub" : names(operation.images, "");
    case Kind::load:
      return operation.images.empty() ? "from stdin" : "from " + names(operation.images, "");
    case Kind::build:
      return operation.images.empty() ? "(no tag)" : names(operation.images, ", ");
    default:
      return names(operation.images, ", ") + (operation.all_tags ? " (all tags)" : "");
  }
}

std::string origin(const Plan& plan, const Operation& operation, std::size_t job) {
  if (!operation.made_by) return "made outside of this pipeline";
  const Job& maker = plan.jobs[operation.made_by->job];
  const Operation& made = maker.operations[operation.made_by->operation];
  std::string text = made.kind == Kind::build ? "built" : (made.kind == Kind::pull ? "pulled" : "loaded");
  text += fmt::format(" in line {}", made.place.line);
  if (operation.made_by->job != job) text += fmt::format(" by job '{}'", clean(maker.name));
  return text;
}

std::string remarks(const Plan& plan, const Operation& operation, std::size_t job) {
  std::vector<std::string> parts;
  if (operation.kind == Kind::build) {
    std::string from = operation.dockerfile.text.empty() ? "Dockerfile" : clean(operation.dockerfile.text);
    from += " in " + clean(operation.context.text);
    if (!operation.target.text.empty()) from += ", target " + clean(operation.target.text);
    parts.push_back(std::move(from));
  }
  if (operation.kind == Kind::scan) {
    if (operation.same_as)
      parts.push_back(
          fmt::format("same image as in line {}, verdict used again",
                      plan.jobs[operation.same_as->job].operations[operation.same_as->operation].place.line));
    else
      parts.push_back(origin(plan, operation, job));
  }
  if (operation.kind == Kind::pull && operation.made_by) parts.push_back(origin(plan, operation, job));
  if (operation.conditional && operation.kind != Kind::scan) parts.emplace_back("may not run");
  if (!decided(operation)) parts.emplace_back("decided at run time");
  std::string out;
  for (const std::string& part : parts)
    out += (out.empty() ? "" : "; ") + part;
  return out;
}

std::string_view color_of(Kind kind) {
  return kind == Kind::scan ? kYellow : (kind == Kind::build || kind == Kind::push ? kCyan : kDim);
}

void add_job(std::string& out, const Plan& plan, std::size_t index, const Painter& paint) {
  const Job& job = plan.jobs[index];
  std::string head = "  " + paint(kBold, clean(job.name));
  std::string facts;
  const auto fact = [&](const std::string& text) { facts += (facts.empty() ? "" : ", ") + text; };
  if (!job.image.empty()) fact("image " + clean(job.image));
  if (job.when != ci::When::on_success) fact(fmt::format("when {}", ci::name_of(job.when)));
  if (job.needs) {
    std::string list;
    for (const std::string& need : *job.needs)
      list += (list.empty() ? "" : " ") + clean(need);
    fact(list.empty() ? "needs nothing" : "needs " + list);
  }
  if (job.operations.empty()) fact("no images");
  out += head + (facts.empty() ? "" : "  " + paint(kDim, facts)) + "\n";
  std::size_t width = 0;
  for (const Operation& operation : job.operations)
    width =
        std::max(width, clean(operation.place.file_name()).size() + 1 + std::to_string(operation.place.line).size());
  for (const Operation& operation : job.operations) {
    const std::string place =
        operation.inserted ? "+" : fmt::format("{}:{}", clean(operation.place.file_name()), operation.place.line);
    const std::string more = remarks(plan, operation, index);
    // Padded before it is painted: escape codes have no width.
    out += "    " + paint(kDim, fmt::format("{:<{}}", place, width)) + "  " +
           paint(color_of(operation.kind), fmt::format("{:<5}", name_of(operation.kind))) + "  " + what(operation);
    if (!more.empty()) out += "  " + paint(kDim, "(" + more + ")");
    out += "\n";
  }
  for (const Note& note : job.notes)
    out += "    " + paint(kYellow, "note") + " " + clean(note.place.str()) + ": " + clean(note.text) + "\n";
}

}  // namespace

std::string plan_text(const Plan& plan, const TextStyle& style) {
  const Painter paint(style.colors);
  std::string out;
  if (plan.not_created) {
    out += "No pipeline: " + clean(*plan.not_created) + "\n";
  } else {
    const std::size_t pushes = plan.count(Kind::push);
    out += paint(kBold, plan.name.empty() ? "Pipeline" : clean(plan.name));
    out += fmt::format(": {}, {}, {}, {}", plural(plan.stages.size(), "stage", "stages"),
                       plural(plan.jobs.size(), "job", "jobs"), plural(plan.count(Kind::build), "build", "builds"),
                       plural(pushes, "push", "pushes"));
    out += pushes == 0 ? "\n" : (pushes == 1 ? ", behind a scan\n" : ", each behind a scan\n");
    for (const std::string& stage : plan.stages) {
      out += "\n" + paint(kBold, "stage " + clean(stage)) + "\n";
      for (std::size_t i = 0; i < plan.jobs.size(); ++i)
        if (plan.jobs[i].stage == stage) add_job(out, plan, i, paint);
    }
  }
  if (!plan.left_out.empty()) {
    out += "\nleft out\n";
    for (const auto& [name, reason] : plan.left_out)
      out += fmt::format("  {}: {}\n", clean(name), clean(reason));
  }
  if (!plan.warnings.empty()) {
    out += "\n";
    for (const Note& warning : plan.warnings)
      out += paint(kYellow, "warning") + " " + clean(warning.place.str()) + ": " + clean(warning.text) + "\n";
  }
  return out;
}

}  // namespace scangate::plan
