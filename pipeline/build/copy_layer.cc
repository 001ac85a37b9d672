#include "pipeline/build/copy_layer.h"

#include <algorithm>
#include <array>

#include "base/archive/decompress.h"
#include "base/archive/tar.h"
#include "base/file.h"
#include "base/text.h"
#include "pipeline/image/tar_entry.h"

namespace scangate::build {
namespace {

constexpr std::size_t kTarBlock = 512;

// Hashes what passes, so that a file is read once for its layer and its digest.
class HashedSource final : public ByteSource {
 public:
  HashedSource(ByteSource& from, const Cancel& cancel) : from_(from), cancel_(cancel) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (cancel_.cancelled()) return fail(cancelled_error());
    SCANGATE_TRY(const std::size_t count, from_.read(buffer));
    hash_.update(Bytes(buffer).first(count));
    return count;
  }
  Digest digest() { return hash_.finish(); }

 private:
  ByteSource& from_;
  const Cancel& cancel_;
  Sha256 hash_;
};

class TarContent final : public ByteSource {
 public:
  TarContent(TarReader& tar, const Cancel& cancel) : tar_(tar), cancel_(cancel) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (cancel_.cancelled()) return fail(cancelled_error());
    return tar_.read(buffer);
  }

 private:
  TarReader& tar_;
  const Cancel& cancel_;
};

// POSIX.1-2017 pax, "ustar Interchange Format": the checksum is the sum of the block's bytes with its own field taken
// as blanks. Holds for the oldest tars too, which have no magic.
bool is_tar_header(Bytes block) {
  if (block.size() < kTarBlock) return false;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < kTarBlock; ++i)
    sum += i >= 148 && i < 156 ? static_cast<std::uint32_t>(' ') : std::to_integer<std::uint32_t>(block[i]);
  std::uint32_t told = 0;
  bool digits = false;
  for (const char c : as_text(block.subspan(148, 8))) {
    if (c >= '0' && c <= '7') {
      told = told * 8 + static_cast<std::uint32_t>(c - '0');
      digits = true;
    } else if (digits || c != ' ') {
      break;
    }
  }
  return digits && told == sum;
}

Result<std::size_t> fill(ByteSource& source, std::span<std::byte> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    SCANGATE_TRY(const std::size_t count, source.read(buffer.subspan(filled)));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

// What is already in the layer under way, above the image.
class WrittenPaths final : public PathLookup {
 public:
  explicit WrittenPaths(PathLookup& below) : below_(below) {}
  Result<std::optional<PathNode>> node(const std::string& path) override {
    if (const auto found = written_.find(path); found != written_.end()) return found->second;
    return below_.node(path);
  }
  void add(const Entry& entry) {
    written_[entry.path] = {entry.type, entry.mode, entry.uid, entry.gid, entry.mtime_seconds, entry.link_target};
  }
  // Later instructions see what was written.
  void publish(DestinationView& view) {
    for (const auto& [path, node] : written_)
      view.add(path, node);
  }
  bool is_written(const std::string& path) const { return written_.contains(path); }
  bool has_written_file(const std::string& path) const {
    const auto found = written_.find(path);
    return found != written_.end() &&
           (found->second.type == EntryType::file || found->second.type == EntryType::hardlink);
  }
  bool has_folder(const std::string& path) const {
    const auto found = written_.find(path);
    return path.empty() || (found != written_.end() && found->second.type == EntryType::directory);
  }

 private:
  PathLookup& below_;
  std::map<std::string, PathNode, std::less<>> written_;
};

class Unpacker {
 public:
  Unpacker(LayerWriter& writer, WrittenPaths& paths, const CopyRules& rules, const Cancel& cancel)
      : writer_(writer), paths_(paths), rules_(rules), cancel_(cancel) {}

  Result<void> unpack(const PlacedArchive& archive);

 private:
  Result<void> add_entry(const TarEntry& from, const std::string& folder, TarReader& tar);
  Result<void> folders(const std::string& folder);
  // Where a path of the archive lands: its parents' links are followed inside the root.
  Result<std::string> place(const std::string& folder, std::string_view path) {
    const std::string clean = path_in_root(path);
    SCANGATE_TRY(const std::string parent, resolve_path(paths_, join_path(folder, parent_path(clean))));
    return join_path(parent, base_name(clean));
  }

  LayerWriter& writer_;
  WrittenPaths& paths_;
  const CopyRules& rules_;
  const Cancel& cancel_;
};

Result<void> Unpacker::folders(const std::string& folder) {
  if (paths_.has_folder(folder)) return {};
  SCANGATE_CHECK(folders(std::string(parent_path(folder))));
  SCANGATE_TRY(auto node, paths_.node(folder));
  if (node && node->type != EntryType::directory)
    return fail(Fault::user,
                fmt::format("'/{}' is no folder, but the archive holds files below it", printable(folder)));
  Entry entry;
  entry.path = folder;
  entry.type = EntryType::directory;
  const Owner owner = rules_.owner.value_or(Owner{});
  entry.mode = node ? node->mode : 0755;
  entry.uid = node ? node->uid : owner.uid;
  entry.gid = node ? node->gid : owner.gid;
  entry.mtime_seconds = node ? node->mtime_seconds : rules_.now_seconds;
  SCANGATE_CHECK(writer_.add(entry, nullptr));
  paths_.add(entry);
  return {};
}

Result<void> Unpacker::add_entry(const TarEntry& from, const std::string& folder, TarReader& tar) {
  if (path_in_root(from.path).empty()) return {};  // "./": the destination keeps its attributes
  const std::string_view name = base_name(std::string_view(from.path));
  if (name.starts_with(".wh."))
    return fail(Fault::user,
                fmt::format("'{}' in the archive cannot be stored in a layer: names beginning with .wh. are whiteouts",
                            printable(from.path)));
  Entry entry;
  SCANGATE_TRY(entry.path, place(folder, from.path));
  SCANGATE_CHECK(folders(std::string(parent_path(entry.path))));
  entry.type = entry_type(from.type);
  entry.mode = from.mode;
  if (from.uid < 0 || from.uid > UINT32_MAX || from.gid < 0 || from.gid > UINT32_MAX)
    return fail(Fault::user, fmt::format("'{}' in the archive has an owner out of range", printable(from.path)));
  entry.uid = rules_.owner ? rules_.owner->uid : static_cast<std::uint32_t>(from.uid);
  entry.gid = rules_.owner ? rules_.owner->gid : static_cast<std::uint32_t>(from.gid);
  // --chmod is not for what is in archives: BuildKit leaves it alone, and a number would take the x from folders.
  if (entry.type == EntryType::symlink) entry.mode = 0777;
  entry.mtime_seconds = from.mtime_seconds;
  entry.device_major = static_cast<std::uint32_t>(from.device_major);
  entry.device_minor = static_cast<std::uint32_t>(from.device_minor);
  if (entry.type == EntryType::symlink) entry.link_target = from.link_target;
  if (entry.type == EntryType::hardlink) {
    SCANGATE_TRY(entry.link_target, place(folder, from.link_target));
    if (!paths_.has_written_file(entry.link_target))
      return fail(Fault::user, fmt::format("'{}' in the archive is a hard link to '{}', which does not come before it",
                                           printable(from.path), printable(from.link_target)));
  }
  // As overlayfs keeps whiteouts: it would hide what it was to be.
  if (entry.type == EntryType::character_device && entry.device_major == 0 && entry.device_minor == 0)
    return fail(Fault::user,
                fmt::format("'{}' in the archive is the device 0:0, which no layer can hold", printable(from.path)));
  if (const auto found = from.xattrs.find("security.capability"); found != from.xattrs.end())
    entry.xattrs.insert(*found);
  SCANGATE_TRY(auto node, paths_.node(entry.path));
  // A folder takes the place of a link or file of the image, as with docker; else nothing changes its kind.
  const bool replaces = entry.type == EntryType::directory && !paths_.is_written(entry.path);
  if (node && !replaces && (node->type == EntryType::directory) != (entry.type == EntryType::directory))
    return fail(Fault::user,
                fmt::format("'/{}' of the archive cannot replace what the image has there", printable(entry.path)));
  if (entry.type == EntryType::file) entry.size_bytes = from.size_bytes;
  TarContent content(tar, cancel_);
  SCANGATE_CHECK(writer_.add(entry, entry.size_bytes > 0 ? &content : nullptr));
  paths_.add(entry);
  return {};
}

Result<void> Unpacker::unpack(const PlacedArchive& archive) {
  SCANGATE_TRY(auto fd, archive.tree->open_file(archive.file));
  FdSource file(std::move(fd), archive.file.path);
  auto plain = decompressed(file, archive.file.path, kMaxLayerBytes, Allowed::archives);
  SCANGATE_TRY(auto tar, TarReader::open(*plain, archive.file.path));
  // The layer writer caps the number of entries and their bytes.
  for (;;) {
    if (cancel_.cancelled()) return fail(cancelled_error());
    SCANGATE_TRY(const TarEntry* entry, tar.next());
    if (entry == nullptr) return {};
    SCANGATE_CHECK(add_entry(*entry, archive.folder, tar));
  }
}

}  // namespace

Result<bool> is_archive(SourceTree& tree, const TreeItem& item) {
  if (item.stamp.size_bytes == 0) return false;
  SCANGATE_TRY(auto fd, tree.open_file(item));
  std::array<std::byte, kTarBlock> block{};
  FdSource head(std::move(fd), item.path);
  SCANGATE_TRY(const std::size_t count, fill(head, block));
  const Packing packing = packing_of(Bytes(block).first(count));
  if (packing == Packing::none) return is_tar_header(Bytes(block).first(count));
  SCANGATE_TRY(auto again, tree.open_file(item));
  FdSource packed(std::move(again), item.path);
  auto plain = decompressed(packed, item.path, kMaxLayerBytes, Allowed::archives);
  auto inner = fill(*plain, block);
  // A file that only begins like a packed one is copied as it is.
  return inner && is_tar_header(Bytes(block).first(*inner));
}

Result<WrittenLayer> write_copy_layer(Store& store, CopyPlan& plan, PathLookup& below, DestinationView& view,
                                      const SourceTree* context, FileDigests* digests, const LayerOptions& options,
                                      std::vector<EntrySink*> tees, const Cancel& cancel) {
  SCANGATE_TRY(auto writer, LayerWriter::create(store, options, std::move(tees)));
  WrittenPaths paths(below);
  for (const auto& [path, placed] : plan.entries()) {
    if (cancel.cancelled()) return fail(cancelled_error());
    Entry entry = placed.entry;
    if (entry.type == EntryType::hardlink) {
      const auto origin = plan.entries().find(entry.link_target);
      if (origin == plan.entries().end() || !origin->second.file || origin->second.file->stamp != placed.file->stamp) {
        entry.type = EntryType::file;
        entry.link_target.clear();
        entry.size_bytes = placed.file->stamp.size_bytes;
      }
    }
    if (entry.type == EntryType::file && placed.file && plan.rules().keep_owners) {
      SCANGATE_TRY(std::string capability, placed.tree->capability(*placed.file));
      // chown(2) clears file capabilities, so a copy with another owner has none.
      if (!capability.empty() && !plan.rules().owner) entry.xattrs["security.capability"] = std::move(capability);
    }
    paths.add(entry);
    if (entry.size_bytes == 0) {
      SCANGATE_CHECK(writer.add(entry, nullptr));
    } else if (placed.text) {
      StringSource text(*placed.text);
      SCANGATE_CHECK(writer.add(entry, &text));
    } else {
      SCANGATE_TRY(auto fd, placed.tree->open_file(*placed.file));
      FdSource file(std::move(fd), placed.file->path);
      HashedSource hashed(file, cancel);
      SCANGATE_CHECK(writer.add(entry, &hashed));
      if (digests != nullptr && placed.tree == context) digests->remember(*placed.file, hashed.digest());
    }
  }
  Unpacker unpacker(writer, paths, plan.rules(), cancel);
  for (const PlacedArchive& archive : plan.archives())
    SCANGATE_CHECK(unpacker.unpack(archive));
  SCANGATE_TRY(auto written, writer.finish());
  paths.publish(view);
  return written;
}

}  // namespace scangate::build
