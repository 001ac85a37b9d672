#include "base/json/json.h"
#include "pipeline/plan/plan.h"

namespace scangate::plan {
namespace {

using Json = nlohmann::ordered_json;

Json name_json(const Name& name) {
  return {{"text", name.text}, {"decided", name.decided}};
}

Json notes_json(const std::vector<Note>& notes) {
  Json out = Json::array();
  for (const Note& note : notes)
    out.push_back({{"place", note.place.str()}, {"text", note.text}});
  return out;
}

Json position_json(const Plan& plan, const Position& position) {
  return {{"job", plan.jobs[position.job].name}, {"operation", position.operation}};
}

Json operation_json(const Plan& plan, const Operation& operation) {
  Json out = {{"kind", name_of(operation.kind)}, {"images", Json::array()}};
  for (const Name& image : operation.images)
    out["images"].push_back(name_json(image));
  out["place"] = operation.place.str();
  out["command"] = operation.command;
  out["conditional"] = operation.conditional;
  out["inserted"] = operation.inserted;
  if (operation.all_tags) out["all_tags"] = true;
  if (operation.kind == Kind::build) {
    out["context"] = name_json(operation.context);
    if (!operation.dockerfile.text.empty()) out["dockerfile"] = name_json(operation.dockerfile);
    if (!operation.target.text.empty()) out["target"] = name_json(operation.target);
  }
  if (operation.made_by) out["made_by"] = position_json(plan, *operation.made_by);
  if (operation.same_as) out["same_as"] = position_json(plan, *operation.same_as);
  return out;
}

}  // namespace

std::string plan_json(const Plan& plan) {
  Json out = {{"name", plan.name}, {"stages", plan.stages}, {"jobs", Json::array()}};
  if (plan.not_created) out["not_created"] = *plan.not_created;
  for (const Job& job : plan.jobs) {
    Json one = {{"name", job.name}, {"stage", job.stage}, {"image", job.image}, {"when", ci::name_of(job.when)}};
    if (job.needs) one["needs"] = *job.needs;
    one["operations"] = Json::array();
    for (const Operation& operation : job.operations)
      one["operations"].push_back(operation_json(plan, operation));
    one["notes"] = notes_json(job.notes);
    out["jobs"].push_back(std::move(one));
  }
  out["left_out"] = Json::array();
  for (const auto& [name, reason] : plan.left_out)
    out["left_out"].push_back({{"job", name}, {"reason", reason}});
  out["warnings"] = notes_json(plan.warnings);
  return dump_json(out, 2) + "\n";
}

}  // namespace scangate::plan
