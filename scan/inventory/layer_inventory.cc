// A layer's inventory as text for the cache. First line: magic, kCatalogerVersion and the digest of the rest, so that a
// damaged text is known before any of it is believed. The rest: numbers as decimals with a blank, strings as their
// length and bytes; paths of images are bytes, which JSON could not hold.
#include <charconv>

#include "base/digest.h"
#include "scan/inventory/record.h"

namespace scangate {
using namespace inventory;
namespace {

constexpr std::string_view kMagic = "scangate-layer-inventory";

class Writer {
 public:
  void number(std::size_t value) {
    text_ += std::to_string(value);
    text_ += ' ';
  }
  void string(std::string_view value) {
    number(value.size());
    text_ += value;
  }
  template <class List, class Each>
  void list(const List& values, Each each) {
    number(values.size());
    for (const auto& value : values)
      each(value);
  }
  void strings(const std::vector<std::string>& values) {
    list(values, [this](const std::string& value) { string(value); });
  }
  void problems(const std::vector<FileProblem>& values) {
    list(values, [this](const FileProblem& value) {
      string(value.cause);
      number(value.incomplete ? 1 : 0);
    });
  }
  void package(const Package& value) {
    for (const std::string* field : {&value.type, &value.name_space, &value.name, &value.version, &value.architecture,
                                     &value.source_name, &value.source_version})
      string(*field);
    strings(value.licences);
  }
  void node(const LayerNode& value) {
    number(static_cast<std::size_t>(value.record.role));
    string(value.record.system);
    list(value.record.packages, [this](const Package& each) { package(each); });
    strings(value.record.other_names);
    list(value.record.owned, [this](const OwnedFile& each) {
      string(each.owner);
      string(each.path);
    });
    number(value.record.os ? 1 : 0);
    if (value.record.os)
      for (const std::string* field :
           {&value.record.os->id, &value.record.os->version_id, &value.record.os->version_codename,
            &value.record.os->pretty_name, &value.record.os->id_like})
        string(*field);
    problems(value.record.problems);
    string(value.link_target);
    number(value.is_directory ? 1 : 0);
    number(value.noted_mode);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// After the first failure every read gives nothing; `ok()` is asked at the end. A list's loop ends with the text: every
// element takes at least two bytes of it.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

  std::size_t number() {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    const auto length = static_cast<std::size_t>(end - rest_.data());
    if (!ok_ || error != std::errc() || length == rest_.size() || *end != ' ') return fail_number();
    rest_.remove_prefix(length + 1);
    return value;
  }
  std::string string() {
    const std::size_t length = number();
    if (!ok_ || length > rest_.size()) {
      ok_ = false;
      return {};
    }
    std::string value(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return value;
  }
  bool flag() {
    const std::size_t value = number();
    if (value > 1) ok_ = false;
    return value == 1;
  }
  template <class Each>
  void list(Each each) {
    for (std::size_t count = number(); ok_ && count > 0; --count)
      each();
  }
  std::vector<std::string> strings() {
    std::vector<std::string> values;
    list([&] { values.push_back(string()); });
    return values;
  }
  std::vector<FileProblem> problems() {
    std::vector<FileProblem> values;
    list([&] {
      std::string cause = string();
      values.push_back({std::move(cause), flag()});
    });
    return values;
  }
  Package package() {
    Package value;
    for (std::string* field : {&value.type, &value.name_space, &value.name, &value.version, &value.architecture,
                               &value.source_name, &value.source_version})
      *field = string();
    value.licences = strings();
    return value;
  }
  LayerNode node() {
    LayerNode value;
    const std::size_t role = number();
    if (role > static_cast<std::size_t>(kLastRole))
      ok_ = false;
    else
      value.record.role = static_cast<Role>(role);
    value.record.system = string();
    list([&] { value.record.packages.push_back(package()); });
    value.record.other_names = strings();
    list([&] {
      std::string owner = string();
      value.record.owned.push_back({std::move(owner), string()});
    });
    if (flag()) {
      OsRelease& os = value.record.os.emplace();
      for (std::string* field : {&os.id, &os.version_id, &os.version_codename, &os.pretty_name, &os.id_like})
        *field = string();
    }
    value.record.problems = problems();
    value.link_target = string();
    value.is_directory = flag();
    value.noted_mode = static_cast<unsigned>(number());
    return value;
  }

 private:
  std::size_t fail_number() {
    ok_ = false;
    return 0;
  }
  std::string_view rest_;
  bool ok_ = true;
};

tl::unexpected<Error> unusable(std::string_view what) {
  return fail(Fault::host, fmt::format("cached inventory of a layer {}", what));
}

}  // namespace

LayerInventory::LayerInventory() : state_(std::make_unique<State>()) {}
LayerInventory::LayerInventory(LayerInventory&&) noexcept = default;
LayerInventory& LayerInventory::operator=(LayerInventory&&) noexcept = default;
LayerInventory::~LayerInventory() = default;

std::string LayerInventory::serialise() const {
  Writer out;
  out.list(state_->nodes, [&out](const auto& entry) {
    out.string(entry.first);
    out.node(entry.second);
  });
  out.strings(state_->whiteouts);
  out.strings(state_->opaques);
  out.string(state_->others.encoded());
  out.problems(state_->problems);
  const std::string body = out.take();
  return fmt::format("{} {} {}\n{}", kMagic, kCatalogerVersion, Digest::of(body).str(), body);
}

Result<LayerInventory> LayerInventory::parse(std::string_view text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(kMagic)) return unusable("is damaged: it has no header");
  const std::string_view head = text.substr(0, end);
  const std::string_view body = text.substr(end + 1);
  const std::string version = fmt::format("{} {} ", kMagic, kCatalogerVersion);
  if (!head.starts_with(version)) return unusable("was written by another version");
  if (head.substr(version.size()) != Digest::of(body).str()) return unusable("is damaged: its digest differs");

  LayerInventory layer;
  State& state = *layer.state_;
  Reader in(body);
  in.list([&] {
    std::string path = in.string();
    state.nodes.insert_or_assign(std::move(path), in.node());
  });
  state.whiteouts = in.strings();
  state.opaques = in.strings();
  auto others = PathList::decode(in.string());
  state.problems = in.problems();
  if (!in.ok() || !in.at_end() || !others) return unusable("is damaged: its content does not add up");
  state.others = std::move(*others);
  return layer;
}

}  // namespace scangate
