#include <algorithm>

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/build/emulation.h"
#include "pipeline/build/stage_builder.h"
#include "pipeline/dockerfile/lines.h"

namespace scangate::build {
namespace {

// A heredoc that is the whole command, as opposed to `cat <<EOF > file`.
bool is_whole_heredoc(const dockerfile::CommandLine& command) {
  return command.heredocs.size() == 1 && command.form == dockerfile::Form::shell &&
         dockerfile::heredoc_of_word(command.words.front()).has_value();
}

}  // namespace

Result<RunStep> StageBuilder::prepare_run(const dockerfile::RunLine& line) const {
  RunStep step;
  const dockerfile::CommandLine& command = line.command;
  if (command.heredocs.empty()) {
    step.argv = command_words(command);
  } else if (is_whole_heredoc(command)) {
    const std::string body = command.heredocs.front().text();
    if (body.starts_with("#!")) {
      step.script = body;
      step.argv = {std::string(kScriptPath)};
    } else {
      step.argv = shell_words();
      step.argv.push_back(body);
    }
  } else {
    // The shell reads its own heredocs, so it gets them back as they stood.
    std::string text = command.words.front();
    for (const dockerfile::Heredoc& doc : command.heredocs)
      text += "\n" + doc.content + doc.name;
    step.argv = shell_words();
    step.argv.push_back(std::move(text));
  }
  if (step.argv.empty()) return fail(Fault::user, "RUN needs a command");
  step.environment = state_.config.environment;
  for (const Argument& each : arguments_) {
    if (!each.hidden) set_environment(step.environment, each.name, each.value);
  }
  step.user = state_.config.user;
  step.directory = "/" + path_in_root(state_.config.working_directory);
  step.options = work_.request.step_options;
  step.network = line.network == "none" ? Network::none : work_.request.network;
  return step;
}

Result<void> StageBuilder::run(const dockerfile::RunLine& line) {
  if (line.security == "insecure")
    return fail(placed(Error(Fault::user, "RUN --security=insecure is refused: no step gets rights on the host")
                           .remedy("leave it out"),
                       current_->place));
  if (!line.devices.empty())
    return fail(placed(Error(Fault::user, "RUN --device is refused: no step gets devices of the host"),
                       line.devices.front().place));
  if (line.network == "host" && work_.request.network != Network::host)
    return fail(placed(Error(Fault::user, "RUN --network=host in a build without network")
                           .remedy("leave out --network=none of the build"),
                       current_->place));
  SCANGATE_TRY(RunStep step, prepare_run(line));
  SCANGATE_TRY(auto mounts, find_mounts(line));

  StepKey step_key = key("run/1");
  for (const std::string& each : step.argv)
    step_key.add("argv", each);
  for (const std::string& each : step.environment)
    step_key.add("env", each);
  step_key.add("user", step.user).add("directory", step.directory).add("script", step.script.value_or(""));
  step_key.add("network", step.network == Network::none ? "none" : "host");
  for (const FoundMount& each : mounts)
    step_key.add("mount", each.mount.text()).add("content", each.content);
  for (const auto& [name, address] : step.options.add_hosts)
    step_key.add("host", name).add("address", address);
  if (step.options.shared_memory_bytes) step_key.add("shm", std::to_string(*step.options.shared_memory_bytes));
  for (const SandboxResourceLimit& each : step.options.resource_limits)
    step_key.add("limit", fmt::format("{} {} {}", each.name, each.soft, each.hard));
  const std::string text = step_key.text();
  // Predefined proxy arguments reach the step but neither its key nor the history.
  step.host_environment = work_.host.run_environment;
  for (const auto& [name, value] : work_.request.build_args) {
    if (!dockerfile::is_predefined_arg(name)) continue;
    std::erase_if(step.host_environment, [&](const std::string& each) { return each.starts_with(name + "="); });
    step.host_environment.push_back(name + "=" + value);
  }

  std::string created_by = "RUN ";
  if (!arguments_.empty()) {
    created_by += fmt::format("|{}", arguments_.size());
    for (const Argument& each : arguments_)
      created_by += fmt::format(" {}={}", each.name, each.value);
    created_by += ' ';
  }
  created_by += fmt::format("{}", fmt::join(step.script ? std::vector<std::string>{*step.script} : step.argv, " "));

  ++record_.steps;
  auto log = work_.log.begin(header(current_->text));
  SCANGATE_TRY(const auto claim, work_.claims.take(text, work_.cancel));
  SCANGATE_TRY(auto cached, find_step(text));
  if (cached) {
    ++record_.cached_steps;
    log.cached();
    note_record(text, *cached);
    add_layer(*cached, std::move(created_by));
    // Its folder, if unpacked, is what a later look needs; the view begins anew.
    state_.mounted = state_.layers.size();
    view_.reset();
    return {};
  }
  view_.reset();
  if (auto can = work_.host.snapshots->can_run(); !can) {
    log.failed(can.error().cause());
    return fail(std::move(can).error());
  }
  if (auto can = check_can_run(state_.config.platform, Platform::host(), kBinfmtFolder); !can) {
    log.failed(can.error().cause());
    return fail(std::move(can).error());
  }
  if (auto here = have_layers(); !here) {
    log.failed(here.error().cause());
    return here;
  }
  StepMounts made;
  if (auto done = made.make(work_, mounts, log); !done) {
    log.failed(done.error().cause());
    return fail(placed(std::move(done).error(), made.place()));
  }
  made.give(step);
  auto result = run_step(step, work_.host, state_, layer_options(), log, work_.cancel, work_.progress);
  if (!result) {
    log.failed(result.error().cause());
    return fail(std::move(result).error());
  }
  if (result->exit_code != 0) {
    BuiltImage::FailedStep failed;
    failed.exit_code = result->exit_code;
    failed.first_line = source_place(current_->place.line).line;
    failed.last_line = in_trigger_ ? failed.first_line : current_->last_line;
    const std::string why = result->why.empty() ? fmt::format("exit code {}", result->exit_code) : result->why;
    failed.text = fmt::format("{}: {}: {}", dockerfile::place_text(work_.file.name, current_->place),
                              printable(split(current_->text, '\n').front()), why);
    log.failed(why);
    record_.failed = std::move(failed);
    return {};
  }
  CachedStep done;
  done.created = now();
  if (result->layer) done.layer = StackedLayer{result->layer->diff_id, result->layer->blob};
  SCANGATE_CHECK(work_.cache.put(text, done));
  note_record(text, done);
  log.done();
  add_layer(done, std::move(created_by));
  state_.mounted = state_.layers.size();
  return {};
}

}  // namespace scangate::build
