// ONBUILD: what a base image asks to be done first in every image built on it. Dockerfile reference, "ONBUILD".
#include "base/text.h"
#include "pipeline/build/stage_builder.h"
#include "pipeline/dockerfile/parse.h"

namespace scangate::build {
namespace {

// Images have a handful; this many fit into no Dockerfile people write.
constexpr std::size_t kMaxTriggers = 1'000;

// The stages and images that an instruction names after --from or from=.
std::vector<dockerfile::Word> sources_of(const dockerfile::Instruction& instruction) {
  std::vector<dockerfile::Word> words;
  if (const auto* copy = std::get_if<dockerfile::CopyLine>(&instruction.body); copy != nullptr && copy->from)
    words.push_back(*copy->from);
  if (const auto* run = std::get_if<dockerfile::RunLine>(&instruction.body)) {
    for (const dockerfile::Mount& mount : run->mounts) {
      for (const dockerfile::KeyValue& option : mount.options) {
        if (option.key == "from") words.push_back({option.value, option.place});
      }
    }
  }
  return words;
}

}  // namespace

Error StageBuilder::in_trigger(const std::string& trigger, Error error) const {
  const std::string line = printable(split(trigger, '\n').front());
  return Error(error.fault(),
               fmt::format("ONBUILD {} of the base '{}': {}", line, printable(stage_.from_line().base.text),
                           error.place() == trigger_place() ? error.cause() : error.text()))
      .at(trigger_place());
}

std::string StageBuilder::trigger_place() const {
  return dockerfile::place_text(work_.file.name, stage_.from_line().base.place);
}

Result<dockerfile::Instruction> StageBuilder::parse_trigger(const std::string& trigger) const {
  auto parsed = dockerfile::parse_dockerfile("FROM scratch\n" + trigger + "\n", "ONBUILD");
  if (!parsed) return fail(Error(Fault::user, parsed.error().cause()));
  if (parsed->stages.size() != 1 || parsed->stages.front().instructions.size() != 1)
    return fail(Fault::user, "it is not one instruction");
  dockerfile::Instruction instruction = std::move(parsed->stages.front().instructions.front());
  if (instruction.name == "ONBUILD" || instruction.name == "MAINTAINER")
    return fail(Fault::user, fmt::format("{} is not allowed after ONBUILD", instruction.name));
  instruction.place = stage_.from_line().base.place;
  return instruction;
}

Result<void> StageBuilder::run_triggers() {
  const std::vector<std::string> triggers = std::exchange(state_.config.on_build, {});
  if (triggers.size() > kMaxTriggers)
    return fail(Error(Fault::user, fmt::format("the base has more than {} ONBUILD triggers", kMaxTriggers))
                    .at(trigger_place()));
  std::vector<Instruction> instructions;
  for (const std::string& trigger : triggers) {
    auto parsed = parse_trigger(trigger);
    if (!parsed) return fail(in_trigger(trigger, std::move(parsed).error()));
    if (parsed->name == "RUN" || parsed->name == "COPY" || parsed->name == "ADD" || parsed->name == "WORKDIR") ++steps_;
    instructions.push_back(std::move(*parsed));
  }
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    if (work_.cancel.cancelled()) return fail(cancelled_error());
    // Their words have places in no file of this build: all stand where the base is named.
    in_trigger_ = true;
    const auto run = [&]() -> Result<void> {
      for (const Word& from : sources_of(instructions[i])) {
        SCANGATE_TRY(const auto source, dockerfile::resolve_source(work_.file, index_, from, work_.resolved.contexts));
        if (source.kind != dockerfile::BaseKind::stage) continue;
        SCANGATE_CHECK(work_.schedule.need(source.stage, index_));
      }
      current_ = &instructions[i];
      return apply(instructions[i]);
    };
    auto done = run();
    in_trigger_ = false;
    current_ = &stage_.from;
    if (!done) return fail(in_trigger(triggers[i], std::move(done).error()));
    if (record_.failed) return {};
  }
  return {};
}

Result<void> StageBuilder::on_build(const dockerfile::OnbuildLine& line) {
  state_.config.on_build.push_back(line.text);
  mark("ONBUILD");
  add_history("ONBUILD " + line.text, true);
  return {};
}

}  // namespace scangate::build
