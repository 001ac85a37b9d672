#pragma once
// Executes the instructions of one stage.
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/build/build.h"
#include "pipeline/build/copy_place.h"
#include "pipeline/build/file_source.h"
#include "pipeline/build/named_contexts.h"
#include "pipeline/build/remote_source.h"
#include "pipeline/build/run_step.h"
#include "pipeline/build/stage_schedule.h"
#include "pipeline/build/stage_state.h"
#include "pipeline/build/step_cache.h"
#include "pipeline/build/step_claims.h"
#include "pipeline/build/step_log.h"
#include "pipeline/build/step_mounts.h"
#include "pipeline/dockerfile/stages.h"

namespace scangate {
class LayerCataloger;
}

namespace scangate::build {

// What a stage told, kept apart so that the sum does not depend on which was first.
struct StageRecord {
  std::vector<BuildWarning> warnings;
  std::size_t steps = 0;
  std::size_t cached_steps = 0;
  std::optional<BuiltImage::FailedStep> failed;
};

// What all stages of one build share; several threads build stages at once.
struct BuildWork {
  const BuildRequest& request;
  const BuildHost& host;
  const BuildHooks& hooks;
  const Cancel& cancel;
  Progress& progress;
  const dockerfile::Dockerfile& file;
  const dockerfile::ResolvedFile& resolved;
  SourceTree& context;
  FileDigests& digests;
  NamedContexts& contexts;
  StepCache cache;
  StepLog log;
  TimePoint started;                    // SOURCE_DATE_EPOCH when given
  std::optional<TimePoint> fixed_time;  // SOURCE_DATE_EPOCH
  StageSchedule& schedule;
  std::vector<std::optional<StageState>> stages;  // each set once, before those that need it begin
  std::vector<StageRecord> records;               // of each stage
  StepClaims claims = {};                         // by step key; images by "image NAME"
  BoundCopies bound_copies = {};
  BuildMaterials materials = {};
  std::mutex asking = {};  // held while a hook is called
  std::atomic<bool> used_cache_mounts = false;
};

// Whether --no-cache-filter means it: by its name, or by its number as the log shows it.
bool is_stage_called(const dockerfile::Dockerfile& file, std::size_t stage, const std::string& name);

class StageBuilder {
 public:
  StageBuilder(BuildWork& work, std::size_t stage);
  // Fills work.stages[stage] and work.records[stage]. Errors: Fault::user placed in the Dockerfile; those of store,
  // sandbox and registry.
  Result<StageEnd> build();

 private:
  using Instruction = dockerfile::Instruction;
  using Word = dockerfile::Word;

  // stage_base.cc
  Result<void> begin();
  // `in_store`: the image or index, when no name needs to be looked up.
  Result<void> begin_from_image(const std::string& name, const std::optional<Digest>& in_store = {});
  // stage_context.cc
  Result<void> begin_from_context(const std::string& name);
  Result<void> begin_from_folder(const NamedContext& named);

  // stage_metadata.cc: one per instruction
  Result<void> apply(const Instruction& instruction);
  Result<void> arg(const dockerfile::ArgLine& line);
  Result<void> env(const dockerfile::EnvLine& line);
  Result<void> label(const dockerfile::LabelLine& line);
  Result<void> cmd(const dockerfile::CmdLine& line);
  Result<void> entrypoint(const dockerfile::EntrypointLine& line);
  Result<void> shell(const dockerfile::ShellLine& line);
  Result<void> user(const dockerfile::UserLine& line);
  Result<void> expose(const dockerfile::ExposeLine& line);
  Result<void> volume(const dockerfile::VolumeLine& line);
  Result<void> stop_signal(const dockerfile::StopSignalLine& line);
  Result<void> healthcheck(const dockerfile::HealthcheckLine& line);

  // stage_files.cc, stage_workdir.cc, stage_run.cc: those that can write a layer
  Result<void> workdir(const dockerfile::WorkdirLine& line);
  Result<void> copy(const dockerfile::CopyLine& line);
  Result<void> run(const dockerfile::RunLine& line);

  // stage_source.cc. `from` as written after --from or from=; none is the context. Errors: placed at it.
  Result<FileSource> file_source(const std::optional<Word>& from);
  // stage_select.cc. One word of COPY or ADD, and what it stands for once that is known.
  struct CopyInput {
    const Word* word = nullptr;
    std::string text;                      // expanded
    std::unique_ptr<RemoteSource> remote;  // a URL or git repository
    std::vector<SelectedSource> selected;
  };
  Result<dockerfile::IgnoreRules> exclude_rules(const dockerfile::CopyLine& line) const;
  Result<std::vector<CopyInput>> copy_inputs(const dockerfile::CopyLine& line, const dockerfile::IgnoreRules& excludes);
  Result<void> select(const dockerfile::CopyLine& line, FileSource& source, const dockerfile::IgnoreRules& excludes,
                      std::vector<CopyInput>& inputs);
  Result<std::string> remote_identities(std::vector<CopyInput>& inputs) const;
  Result<void> fetch_remotes(std::vector<CopyInput>& inputs) const;
  Result<std::vector<SelectedSource>> heredoc_sources(const dockerfile::CopyLine& line) const;
  Result<Accounts> accounts_of_image();
  Result<CopyRules> copy_rules(const dockerfile::CopyLine& line, const FileSource& source,
                               const std::string& destination);
  Result<CopyPlan> plan_copy(const dockerfile::CopyLine& line, CopyRules rules, PathLookup& below,
                             const std::vector<SelectedSource>& selected);
  Result<RunStep> prepare_run(const dockerfile::RunLine& line) const;
  // step_mounts.cc
  Result<std::vector<FoundMount>> find_mounts(const dockerfile::RunLine& line);

  // stage_triggers.cc
  Result<void> on_build(const dockerfile::OnbuildLine& line);
  Result<void> run_triggers();
  Result<Instruction> parse_trigger(const std::string& trigger) const;
  Error in_trigger(const std::string& trigger, Error error) const;
  std::string trigger_place() const;

  // Helpers
  Error placed(Error error, dockerfile::Place place) const;
  // Also for an Error that has a place of its own, such as a URL.
  Error placed_outside(Error error, dockerfile::Place place) const;
  // A warning that `text` uses a variable nobody sets.
  void undefined(std::string_view name, std::string_view text, dockerfile::Place place) const;
  Result<std::string> expand(const std::string& text, dockerfile::Place place) const;
  Result<std::string> expand(const Word& word) const { return expand(word.text, word.place); }
  std::optional<std::string> variable(std::string_view name) const;
  SourcePlace source_place(int line) const;
  void mark(const std::string& what) { state_.places[what] = source_place(current_->place.line); }
  std::vector<std::string> shell_words() const;
  std::vector<std::string> command_words(const dockerfile::CommandLine& command) const;
  void add_history(std::string created_by, bool empty);
  void add_layer(const CachedStep& step, std::string created_by);
  // The cache, as this stage may use it: --no-cache-filter.
  Result<std::optional<CachedStep>> find_step(const std::string& key);
  Result<bool> is_known_step(const std::string& key);
  // Notes for --cache-to what the step came to. `known_key`: of a COPY without its content.
  void note_record(const std::string& key, const CachedStep& step, const std::string& known_key = {});
  // Before the content of what is below is looked at.
  Result<void> have_layers() { return work_.cache.have(state_.diff_ids()); }
  Result<void> put_inventory(const WrittenLayer& layer, LayerCataloger& cataloger);
  LayerOptions layer_options() const { return {work_.request.compression, work_.fixed_time}; }
  enum class KeyParent { counts, left_out };
  StepKey key(std::string_view kind, KeyParent parent = KeyParent::counts) const;
  DestinationView& view();
  std::string header(std::string_view what);
  TimePoint now() const;

  BuildWork& work_;
  std::size_t index_;
  StageRecord& record_;
  const dockerfile::Stage& stage_;
  StageState state_;
  const Instruction* current_ = nullptr;
  bool in_trigger_ = false;          // executing an ONBUILD of the base
  std::vector<Argument> arguments_;  // declared in this stage, with a value, in order
  bool command_set_ = false;         // CMD stands in this stage
  bool uses_cache_ = true;
  std::unique_ptr<DestinationView> view_;
  std::size_t step_ = 0;
  std::size_t steps_ = 0;
};

}  // namespace scangate::build
