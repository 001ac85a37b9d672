#include "pipeline/plan/plan.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "pipeline/command/docker.h"
#include "pipeline/plan/script.h"

namespace scangate::plan {
namespace {

using command::DockerCommand;

// For comparing: "app" and "docker.io/library/app:latest" are one. Distribution reference, "familiar names".
std::string canonical(const std::string& text) {
  std::string name = text;
  const std::size_t slash = name.find('/');
  const std::string first = name.substr(0, slash);
  const bool has_host =
      slash != std::string::npos && (first.find_first_of(".:$") != std::string::npos || first == "localhost");
  if (!has_host) name = (slash == std::string::npos ? "docker.io/library/" : "docker.io/") + name;
  const std::size_t colon = name.rfind(':');
  const bool has_tag = colon != std::string::npos && colon > name.rfind('/');
  if (!has_tag && name.find('@') == std::string::npos) name += ":latest";
  return name;
}

// Other programs that move images. The plan does not read their command lines.
bool moves_images(const std::string& program, const std::vector<Argument>& arguments) {
  const std::string verb = arguments.size() > 1 ? arguments[1].marked : "";
  const auto is = [&](std::initializer_list<std::string_view> verbs) {
    return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
  };
  if (program == "buildah") return is({"build", "bud", "push", "commit"});
  if (program == "skopeo") return is({"copy", "sync"});
  if (program == "crane") return is({"push", "copy", "cp", "append", "mutate", "tag"});
  if (program == "oras") return is({"push", "cp", "copy", "tag"});
  if (program == "img" || program == "nerdctl" || program == "regctl") return is({"build", "push", "image"});
  if (program == "docker-compose") return is({"build", "push"});
  return program == "executor" && arguments[0].marked.find("kaniko") != std::string::npos;
}

class JobPlanner {
 public:
  // By canonical name, where an image comes from.
  using Origins = std::map<std::string, Position, std::less<>>;
  // `earlier`: what jobs before this one made, nearest first.
  JobPlanner(Job& out, std::size_t index, std::vector<const Origins*> earlier)
      : out_(out), index_(index), earlier_(std::move(earlier)) {}

  void run(const ci::Job& job) {
    for (const Command& one : commands_of(job, out_.notes))
      read(one);
    if (dropped_ > 0) out_.notes.push_back({job.place, fmt::format("{} more operations are not shown", dropped_)});
  }
  Origins take_local() { return std::move(local_); }

 private:
  void read(const Command& one) {
    const Name program = to_name(one.arguments[0].marked);
    const std::string base = program.text.substr(program.text.rfind('/') + 1);
    if (!program.decided) {
      const bool image_verb =
          one.arguments.size() > 1 && (one.arguments[1].marked == "push" || one.arguments[1].marked == "build");
      if (image_verb)
        out_.notes.push_back({one.place, fmt::format("'{}': the program is decided at run time", program.text)});
      return;
    }
    if (base == "docker" || base == "podman")
      docker(one, base);
    else if (moves_images(base, one.arguments))
      out_.notes.push_back(
          {one.place, fmt::format("'{}' is not read by the plan; the gate decides at run time", base)});
  }

  void docker(const Command& one, const std::string& program) {
    std::vector<std::string> arguments;
    std::vector<std::string> certain;
    for (std::size_t i = 1; i < one.arguments.size(); ++i) {
      arguments.push_back(one.arguments[i].marked);
      if (!one.arguments[i].any_number) certain.push_back(one.arguments[i].marked);
    }
    auto parsed = command::parse_docker(arguments);
    // An unquoted variable of which nothing is known may as well be empty, or hold flags.
    bool guessed = false;
    if (!parsed && certain.size() < arguments.size()) {
      if (auto without = command::parse_docker(certain)) {
        parsed = std::move(without);
        guessed = true;
      }
    }
    if (!parsed) {
      std::string cause = to_name(parsed.error().text()).text;
      if (program == "podman" && cause.starts_with("docker")) cause.replace(0, 6, program);
      out_.notes.push_back({one.place, std::move(cause)});
      return;
    }
    if (guessed) out_.notes.push_back({one.place, "holds flags that are decided at run time"});
    std::visit([&](const auto& request) { plan(one, request); }, parsed->request);
  }

  Operation make(const Command& one, Kind kind) const {
    Operation operation;
    operation.kind = kind;
    operation.place = one.place;
    operation.command = redact(one.text);
    operation.conditional = one.conditional;
    return operation;
  }

  Position here() const { return {index_, out_.operations.size()}; }

  bool add(Operation operation) {
    if (out_.operations.size() >= kMaxOperations) {
      ++dropped_;
      return false;
    }
    out_.operations.push_back(std::move(operation));
    return true;
  }

  std::optional<Position> origin_of(const Name& image) const {
    const std::string name = canonical(image.text);
    if (const auto found = local_.find(name); found != local_.end()) return found->second;
    for (const Origins* origins : earlier_)
      if (const auto found = origins->find(name); found != origins->end()) return found->second;
    return std::nullopt;
  }

  void plan(const Command& one, const command::BuildRequest& request) {
    Operation build = make(one, Kind::build);
    for (const std::string& tag : request.tags)
      build.images.push_back(to_name(tag));
    build.context = to_name(request.context);
    build.dockerfile = to_name(request.dockerfile);
    build.target = to_name(request.target);
    const Position position = here();
    const std::vector<Name> tags = build.images;
    if (!add(std::move(build))) return;
    for (const Name& tag : tags)
      local_[canonical(tag.text)] = position;
    const bool pushes =
        request.push || std::any_of(request.outputs.begin(), request.outputs.end(), [](const std::string& output) {
          return output.find("type=registry") != std::string::npos || output.find("push=true") != std::string::npos;
        });
    if (pushes)
      for (const Name& tag : tags)
        scan_and_push(one, tag, false);
  }

  void plan(const Command& one, const command::PushRequest& request) {
    scan_and_push(one, to_name(request.reference), request.all_tags);
  }

  void scan_and_push(const Command& one, const Name& image, bool all_tags) {
    Operation scan = make(one, Kind::scan);
    scan.images.push_back(image);
    scan.inserted = true;
    scan.all_tags = all_tags;
    scan.made_by = origin_of(image);
    if (scan.made_by && !all_tags)
      if (const auto found = scanned_.find({scan.made_by->job, scan.made_by->operation}); found != scanned_.end())
        scan.same_as = found->second;
    Operation push = make(one, Kind::push);
    push.images.push_back(image);
    push.all_tags = all_tags;
    push.made_by = scan.made_by;
    // Both or none: a push without its scan is never shown.
    if (out_.operations.size() + 2 > kMaxOperations) {
      ++dropped_;
      return;
    }
    if (scan.made_by && !all_tags) scanned_.emplace(std::pair{scan.made_by->job, scan.made_by->operation}, here());
    add(std::move(scan));
    add(std::move(push));
  }

  void plan(const Command& one, const command::PullRequest& request) {
    Operation pull = make(one, Kind::pull);
    pull.images.push_back(to_name(request.reference));
    pull.made_by = origin_of(pull.images[0]);
    const std::string name = canonical(pull.images[0].text);
    // Pulled from an earlier job's push it is that build; else this pull is where it comes from.
    const Position position = pull.made_by.value_or(here());
    if (add(std::move(pull))) local_[name] = position;
  }

  void plan(const Command& one, const command::TagRequest& request) {
    Operation tag = make(one, Kind::tag);
    tag.images = {to_name(request.source), to_name(request.target)};
    tag.made_by = origin_of(tag.images[0]);
    const std::string target = canonical(tag.images[1].text);
    const auto origin = tag.made_by;
    if (!add(std::move(tag))) return;
    if (origin)
      local_[target] = *origin;
    else
      local_.erase(target);
  }

  void plan(const Command& one, const command::LoginRequest& request) {
    Operation login = make(one, Kind::login);
    // As written it may hold a password.
    login.command = "docker login";
    if (!request.server.empty()) {
      login.images.push_back(to_name(request.server));
      login.command += " " + login.images[0].text;
    }
    add(std::move(login));
  }

  void plan(const Command& one, const command::LoadRequest& request) {
    Operation load = make(one, Kind::load);
    if (!request.input.empty()) load.images.push_back(to_name(request.input));
    add(std::move(load));
  }

  // The rest changes no registry.
  template <class Request>
  void plan(const Command&, const Request&) {}

  Job& out_;
  std::size_t index_;
  std::vector<const Origins*> earlier_;
  Origins local_;
  std::map<std::pair<std::size_t, std::size_t>, Position> scanned_;
  std::size_t dropped_ = 0;
};

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::login:
      return "login";
    case Kind::pull:
      return "pull";
    case Kind::build:
      return "build";
    case Kind::tag:
      return "tag";
    case Kind::scan:
      return "scan";
    case Kind::push:
      return "push";
    case Kind::load:
      return "load";
  }
  return "";
}

std::size_t Plan::count(Kind kind) const {
  std::size_t total = 0;
  for (const Job& job : jobs)
    total +=
        static_cast<std::size_t>(std::count_if(job.operations.begin(), job.operations.end(),
                                               [&](const Operation& operation) { return operation.kind == kind; }));
  return total;
}

Plan make_plan(const ci::Pipeline& pipeline) {
  Plan plan;
  plan.name = pipeline.name;
  plan.not_created = pipeline.not_created;
  plan.left_out = pipeline.left_out;
  for (const ci::Warning& warning : pipeline.warnings)
    plan.warnings.push_back({warning.place, warning.text});
  for (const std::string& stage : pipeline.stages)
    if (std::any_of(pipeline.jobs.begin(), pipeline.jobs.end(), [&](const ci::Job& job) { return job.stage == stage; }))
      plan.stages.push_back(stage);
  // Jobs of one stage run side by side; what one makes is there for the stages after it, and for those that need it.
  JobPlanner::Origins before_stage;
  std::map<std::string, JobPlanner::Origins, std::less<>> made_by_job;
  std::string stage;
  JobPlanner::Origins in_stage;
  plan.jobs.reserve(pipeline.jobs.size());
  for (const ci::Job& job : pipeline.jobs) {
    if (job.stage != stage) {
      for (const auto& [name, position] : in_stage)
        before_stage.insert_or_assign(name, position);
      in_stage.clear();
      stage = job.stage;
    }
    std::vector<const JobPlanner::Origins*> earlier;
    if (job.needs)
      for (const ci::Need& need : *job.needs)
        if (const auto found = made_by_job.find(need.job); found != made_by_job.end())
          earlier.push_back(&found->second);
    earlier.push_back(&before_stage);
    Job out;
    out.name = job.name;
    out.stage = job.stage;
    if (job.image) out.image = job.image->name;
    out.when = job.when;
    if (job.needs) {
      out.needs.emplace();
      for (const ci::Need& need : *job.needs)
        out.needs->push_back(need.job);
    }
    JobPlanner planner(out, plan.jobs.size(), std::move(earlier));
    planner.run(job);
    auto local = planner.take_local();
    for (const auto& [name, position] : local)
      in_stage.insert_or_assign(name, position);
    made_by_job.emplace(job.name, std::move(local));
    plan.jobs.push_back(std::move(out));
  }
  return plan;
}

}  // namespace scangate::plan
