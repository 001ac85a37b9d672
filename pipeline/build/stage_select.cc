// The sources of COPY and ADD: words of the context, of a stage or an image, URLs, git repositories, heredocs.
#include "base/text.h"
#include "pipeline/build/stage_builder.h"

namespace scangate::build {

using dockerfile::CopyKind;
using dockerfile::CopyLine;

Error StageBuilder::placed_outside(Error error, dockerfile::Place place) const {
  if (error.place().empty()) return placed(std::move(error), place);
  // The Dockerfile's line leads; the URL, which is the error's own place, stays in the text.
  Error outer(error.fault(), error.text());
  return placed(std::move(outer), place);
}

Result<std::vector<StageBuilder::CopyInput>> StageBuilder::copy_inputs(const CopyLine& line,
                                                                       const dockerfile::IgnoreRules& excludes) {
  const bool is_add = line.kind == CopyKind::add;
  GitSourceOptions git = work_.host.git;
  git.ssh_agent = git_agent(work_.request);
  const RemoteHost host{*work_.host.store, work_.host.transport,          work_.host.runner,
                        work_.cancel,      work_.request.cache_namespace, std::move(git)};
  RemoteFlags flags{std::nullopt, line.keep_git_folder, line.unpack.value_or(false),
                    excludes.empty() ? nullptr : &excludes};
  if (line.checksum) {
    SCANGATE_TRY(flags.checksum, expand(*line.checksum));
  }
  std::vector<CopyInput> inputs;
  for (const Word& word : line.sources) {
    CopyInput input{&word, "", nullptr, {}};
    SCANGATE_TRY(input.text, expand(word));
    if (input.text.empty()) return fail(placed(Error(Fault::user, "the source is empty after expansion"), word.place));
    if (is_remote(input.text)) {
      if (!is_add)
        return fail(placed(Error(Fault::user, fmt::format("COPY does not take '{}'", redact(printable(input.text))))
                               .remedy("use ADD for URLs and git repositories"),
                           word.place));
      auto remote = make_remote_source(host, input.text, flags);
      if (!remote) return fail(placed_outside(std::move(remote).error(), word.place));
      input.remote = std::move(*remote);
    }
    inputs.push_back(std::move(input));
  }
  const bool one_remote = inputs.size() == 1 && inputs.front().remote && line.files.empty();
  if (line.checksum && !one_remote)
    return fail(placed(Error(Fault::user, "--checksum is for one URL or one git repository"), line.checksum->place));
  return inputs;
}

Result<void> StageBuilder::select(const CopyLine& line, FileSource& source, const dockerfile::IgnoreRules& excludes,
                                  std::vector<CopyInput>& inputs) {
  const SelectRules rules{excludes.empty() ? nullptr : &excludes, line.parents};
  for (CopyInput& input : inputs) {
    if (input.remote) continue;
    SCANGATE_TRY(SourceTree * tree, source.tree(work_));
    auto found = select_sources(*tree, input.text, rules, work_.cancel);
    if (!found) return fail(placed(std::move(found).error(), input.word->place));
    if (found->found == Found::none)
      record_.warnings.push_back({source_place(input.word->place.line), "EmptyWildcard",
                                  fmt::format("'{}' matches nothing", printable(input.text))});
    input.selected = std::move(found->sources);
    for (SelectedSource& each : input.selected)
      each.may_unpack = line.kind == CopyKind::add && !each.is_folder && line.unpack.value_or(true);
  }
  return {};
}

Result<std::string> StageBuilder::remote_identities(std::vector<CopyInput>& inputs) const {
  std::string all;
  for (CopyInput& input : inputs) {
    if (!input.remote) continue;
    auto identity = input.remote->identity();
    if (!identity) return fail(placed_outside(std::move(identity).error(), input.word->place));
    work_.materials.add(input.remote->material());
    all += fmt::format("{}:{};", identity->size(), *identity);
  }
  return all;
}

Result<void> StageBuilder::fetch_remotes(std::vector<CopyInput>& inputs) const {
  for (CopyInput& input : inputs) {
    if (!input.remote) continue;
    auto fetched = input.remote->fetch();
    if (!fetched) return fail(placed_outside(std::move(fetched).error(), input.word->place));
    input.selected = std::move(*fetched);
  }
  return {};
}

Result<std::vector<SelectedSource>> StageBuilder::heredoc_sources(const CopyLine& line) const {
  std::vector<SelectedSource> selected;
  for (const dockerfile::Heredoc& doc : line.files) {
    SelectedSource file;
    file.name = doc.name;
    file.text = doc.text();
    if (doc.expand) {
      auto text = dockerfile::expand_word(
          *file.text, [this](std::string_view name) { return variable(name); }, work_.file.escape,
          dockerfile::Quotes::keep);
      if (!text) return fail(placed(std::move(text).error(), doc.place));
      file.text = std::move(*text);
    }
    selected.push_back(std::move(file));
  }
  return selected;
}

}  // namespace scangate::build
