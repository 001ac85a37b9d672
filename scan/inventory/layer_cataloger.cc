#include <algorithm>

#include "base/text.h"
#include "scan/inventory/cataloger.h"

namespace scangate {
using namespace inventory;
namespace {

// Bounds the records of one layer. The largest node_modules seen have some 60,000 packages.
constexpr std::size_t kMaxNodes = 500'000;
// Debian 12 ships about 60 setuid and setgid files in all its packages.
constexpr std::size_t kMaxNotedFiles = 10'000;
// About 2 million paths; see path_list.h.
constexpr std::size_t kMaxOthersBytes = 48U << 20U;
constexpr std::size_t kMaxWhiteouts = 500'000;
// Packages and owned files of all records of a layer together: what keeps many large databases in odd places from
// filling the memory.
constexpr std::size_t kMaxRecordParts = 1'000'000;
constexpr unsigned kSetuidOrSetgid = 06000;

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kAufs = ".wh..wh.";

bool is_within(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && (folder.empty() || path[folder.size()] == '/');
}

// True for the anchors of databases and the folders on the way to them: a symlink there has to be followed.
bool leads_to_database(std::string_view path) {
  for (const Cataloger* cataloger : all_catalogers())
    for (const std::string_view anchor : cataloger->anchors())
      if (anchor == path || is_within(anchor, path)) return true;
  return false;
}

}  // namespace

struct LayerCataloger::State {
  LayerInventory layer;
  std::vector<const Cataloger*> catalogers;
  std::size_t noted = 0;
  bool told_nodes = false;
  bool told_noted = false;
  bool told_others = false;
  bool told_whiteouts = false;
  bool told_long = false;
  bool told_parts = false;
  std::size_t parts = 0;

  // The file whose content is coming.
  const Cataloger* reading = nullptr;
  std::size_t cap_bytes = 0;
  std::string path;
  unsigned noted_mode = 0;
  std::string text;
  bool truncated = false;

  LayerInventory::State& out() { return layer.state(); }

  void tell(bool& told, std::string cause, bool incomplete) {
    if (!told) out().problems.push_back({std::move(cause), incomplete});
    told = true;
  }

  // Adds or replaces (the last of several entries of one path counts); nullptr over the cap.
  LayerNode* node(const std::string& at) {
    auto& nodes = out().nodes;
    if (const auto found = nodes.find(at); found != nodes.end()) return &found->second;
    if (nodes.size() >= kMaxNodes) {
      tell(told_nodes, fmt::format("more than {} package files, the rest is not read", kMaxNodes), true);
      return nullptr;
    }
    return &nodes[at];
  }

  std::optional<std::pair<const Cataloger*, Claim>> claimed(std::string_view at) const {
    for (const Cataloger* cataloger : catalogers)
      if (const auto claim = cataloger->claim(at)) return std::pair(cataloger, *claim);
    return std::nullopt;
  }

  // OCI image-spec v1.1, layer.md, "Whiteouts". Other names of AUFS (".wh..wh.plnk") have no meaning here.
  void take_whiteout(std::string_view at, std::string_view base) {
    auto& list = base == kOpaque ? out().opaques : out().whiteouts;
    if (base != kOpaque && base.starts_with(kAufs)) return;
    const std::string_view name = base.substr(kWhiteout.size());
    if (base != kOpaque && (name.empty() || name == "." || name == "..")) return;
    if (list.size() >= kMaxWhiteouts) {
      tell(told_whiteouts, fmt::format("more than {} whiteouts: what the rest hides is still shown", kMaxWhiteouts),
           false);
      return;
    }
    std::string hidden(parent_path(at));
    if (base != kOpaque) {
      if (!hidden.empty()) hidden += '/';
      hidden += name;
    }
    list.push_back(std::move(hidden));
  }

  // What an earlier entry of this layer had at `at`, and below it, is replaced.
  void forget(std::string_view at) {
    auto& nodes = out().nodes;
    if (nodes.empty()) return;
    if (const auto found = nodes.find(at); found != nodes.end()) nodes.erase(found);
    const std::string below = std::string(at) + "/";
    for (auto next = nodes.lower_bound(below); next != nodes.end() && next->first.starts_with(below);)
      next = nodes.erase(next);
  }

  void take_directory(const Entry& entry) {
    // A directory over a directory merges; over anything else it replaces.
    auto& nodes = out().nodes;
    if (const auto found = nodes.find(entry.path); found != nodes.end() && !found->second.is_directory)
      nodes.erase(found);
    if (!leads_to_database(entry.path)) return;
    if (LayerNode* const added = node(entry.path)) added->is_directory = true;
  }

  void take_hard_link(const Entry& entry, const Cataloger& cataloger) {
    const auto& nodes = out().nodes;
    const auto target = nodes.find(entry.link_target);
    FileRecord record;
    if (target != nodes.end() && target->second.record.role != Role::none) {
      record = target->second.record;
      if (record.role == Role::shared) record.role = Role::language;
    } else {
      // Its content came under a name that no cataloger knows, and it does not come again.
      record = cataloger.read({.path = entry.path, .text = "", .truncated = true});
      record.packages.clear();
      record.problems = {
          {fmt::format("is a hard link to {}, whose content was not read", printable(entry.link_target)), true}};
    }
    add_record(entry.path, std::move(record));
  }

  void add_record(const std::string& at, FileRecord record) {
    parts += record.packages.size() + record.owned.size() + record.other_names.size();
    if (parts > kMaxRecordParts) {
      tell(told_parts, fmt::format("more than {} packages and owned files, the rest is not read", kMaxRecordParts),
           true);
      return;
    }
    if (LayerNode* const added = node(at)) added->record = std::move(record);
  }

  void note(const std::string& at, unsigned mode) {
    if (mode == 0) return;
    if (noted >= kMaxNotedFiles) {
      tell(told_noted, fmt::format("more than {} setuid and setgid files, the rest is not listed", kMaxNotedFiles),
           false);
      return;
    }
    if (LayerNode* const added = node(at)) {
      added->noted_mode = mode;
      ++noted;
    }
  }
};

LayerCataloger::LayerCataloger(const InventoryOptions& options) : state_(std::make_unique<State>()) {
  state_->catalogers.assign(all_catalogers().begin(), all_catalogers().end());
  if (options.lock_files)
    state_->catalogers.insert(state_->catalogers.end(), lock_file_catalogers().begin(), lock_file_catalogers().end());
}
LayerCataloger::~LayerCataloger() = default;

Result<EntrySink::Want> LayerCataloger::begin_entry(const Entry& entry) {
  State& state = *state_;
  state.reading = nullptr;
  const std::string_view base = base_name(entry.path);
  if (base.starts_with(kWhiteout)) {
    state.take_whiteout(entry.path, base);
    return Want::skip;
  }
  if (entry.path.size() > kMaxPathBytes) {
    if (state.claimed(entry.path))
      state.tell(state.told_long,
                 fmt::format("the path of a package file is longer than {} bytes, not read", kMaxPathBytes), true);
    return Want::skip;
  }
  if (entry.type == EntryType::directory) {
    state.take_directory(entry);
    return Want::skip;
  }

  state.forget(entry.path);
  if (state.out().others.size_bytes() < kMaxOthersBytes)
    state.out().others.add(entry.path);
  else
    state.tell(state.told_others,
               "more files than can be kept in mind: what the rest replaces in lower layers is still shown", false);
  if (entry.type == EntryType::symlink) {
    if (leads_to_database(entry.path))
      if (LayerNode* const added = state.node(entry.path)) added->link_target = entry.link_target;
    return Want::skip;
  }
  if (entry.type != EntryType::file && entry.type != EntryType::hardlink) return Want::skip;

  const unsigned noted_mode = (entry.mode & kSetuidOrSetgid) != 0 ? entry.mode : 0;
  const auto claimed = state.claimed(entry.path);
  if (!claimed || entry.type == EntryType::hardlink) {
    if (claimed) state.take_hard_link(entry, *claimed->first);
    state.note(entry.path, noted_mode);
    return Want::skip;
  }
  state.reading = claimed->first;
  state.cap_bytes = claimed->second.cap_bytes;
  state.path = entry.path;
  state.noted_mode = noted_mode;
  state.text.clear();
  state.truncated = entry.size_bytes > state.cap_bytes;
  return Want::content;
}

Result<void> LayerCataloger::content(Bytes bytes) {
  State& state = *state_;
  if (state.reading == nullptr) return {};
  const std::size_t room = state.cap_bytes - state.text.size();
  if (bytes.size() > room) state.truncated = true;
  state.text += as_text(bytes.first(std::min(room, bytes.size())));
  return {};
}

Result<void> LayerCataloger::end_entry() {
  State& state = *state_;
  if (state.reading == nullptr) return {};
  FileRecord record = state.reading->read({.path = state.path, .text = state.text, .truncated = state.truncated});
  state.reading = nullptr;
  // One large database must not stay in memory for the rest of the layer.
  constexpr std::size_t kKeptBytes = 1U << 20U;
  if (state.text.capacity() > kKeptBytes) std::string().swap(state.text);
  if (record.role != Role::none) state.add_record(state.path, std::move(record));
  state.note(state.path, state.noted_mode);
  return {};
}

LayerInventory LayerCataloger::finish() {
  LayerInventory done = std::move(state_->layer);
  auto fresh = std::make_unique<State>();
  fresh->catalogers = std::move(state_->catalogers);
  state_ = std::move(fresh);
  return done;
}

}  // namespace scangate
