#include "pipeline/image/store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "pipeline/image/image_index.h"
#include "pipeline/image/index.h"
#include "pipeline/image/lock_file.h"
#include "pipeline/image/store_files.h"

namespace scangate {
namespace fs = std::filesystem;

namespace {

// Dirty pages are handed to the disk in steps of this size while more comes in, so that the final sync is short.
constexpr std::uint64_t kWriteBehind = 16U << 20U;

Error full_disk_aware(Error error, const fs::path& root, int error_number) {
  if (error_number == ENOSPC || error_number == EDQUOT)
    return Error(Fault::host, fmt::format("the disk of the store {} is full", root.string()))
        .remedy("free space, or run 'scangate image prune'");
  return error;
}

}  // namespace

struct BlobWriter::State {
  fs::path root;
  fs::path temporary;
  UniqueFd fd;
  Sha256 hash;
  std::uint64_t size = 0;
  std::uint64_t flushed = 0;

  ~State() {
    if (!temporary.empty()) ::unlink(temporary.c_str());
  }
  Error host(std::string_view what, int error_number) const {
    return full_disk_aware(host_error(what, error_number), root, error_number);
  }
  Result<void> place(const Digest& digest);
};

// Puts the file at its name. What is there already with the same size is kept.
Result<void> BlobWriter::State::place(const Digest& digest) {
  const fs::path target = blob_path(root, digest);
  struct stat present{};
  if (stat(target.c_str(), &present) == 0 && static_cast<std::uint64_t>(present.st_size) == size) {
    touch_file(target);
    return {};
  }
  if (fchmod(fd.get(), 0644) != 0) return fail(host("cannot set the mode of " + temporary.string(), errno));
  if (fdatasync(fd.get()) != 0) return fail(host("cannot sync " + temporary.string(), errno));
  if (::rename(temporary.c_str(), target.c_str()) != 0) return fail(host("cannot put " + target.string(), errno));
  temporary.clear();
  return {};
}

BlobWriter::BlobWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobWriter::BlobWriter(BlobWriter&&) noexcept = default;
BlobWriter& BlobWriter::operator=(BlobWriter&&) noexcept = default;
BlobWriter::~BlobWriter() = default;

Result<void> BlobWriter::write(Bytes bytes) {
  State& state = *state_;
  Bytes left = bytes;
  while (!left.empty()) {
    const ssize_t count = ::write(state.fd.get(), left.data(), left.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(state.host("cannot write to the store " + state.root.string(), errno));
    left = left.subspan(static_cast<std::size_t>(count));
  }
  state.hash.update(bytes);
  state.size += bytes.size();
  if (state.size - state.flushed >= kWriteBehind) {
    // Only a hint; the sync in commit() is what counts.
    static_cast<void>(sync_file_range(state.fd.get(), static_cast<off64_t>(state.flushed),
                                      static_cast<off64_t>(state.size - state.flushed), SYNC_FILE_RANGE_WRITE));
    state.flushed = state.size;
  }
  return {};
}

std::uint64_t BlobWriter::size_bytes() const {
  return state_->size;
}

Result<Digest> BlobWriter::commit() {
  const Digest digest = state_->hash.finish();
  SCANGATE_CHECK(state_->place(digest));
  state_.reset();
  return digest;
}

Result<void> BlobWriter::commit_expecting(const Digest& expected, std::optional<std::uint64_t> size_bytes) {
  if (size_bytes && *size_bytes != state_->size)
    return fail(Fault::remote,
                fmt::format("blob {} has {} bytes, {} were announced", expected.str(), state_->size, *size_bytes));
  const Digest digest = state_->hash.finish();
  if (digest != expected)
    return fail(Fault::remote, fmt::format("blob {} was announced, what came is {}", expected.str(), digest.str()));
  SCANGATE_CHECK(state_->place(digest));
  state_.reset();
  return {};
}

// Stands in no reference and in no name of a scope.
static constexpr char kScopeEnd = '\t';

struct Store::State {
  fs::path root;
  std::optional<LockFile> session;  // held for our life: tells others that our work folder is in use
  fs::path work;
  std::unique_ptr<StoreIndex> index;
  std::string scope;  // before each name in the index; empty for the host's own
  SystemClock clock;

  ~State() {
    if (!work.empty()) static_cast<void>(remove_tree(work));
    if (session) session->remove();
  }
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

Result<std::shared_ptr<Store>> Store::open(const fs::path& root, const std::string& names_of) {
  auto state = std::make_unique<State>();
  if (!names_of.empty()) state->scope = names_of + kScopeEnd;
  std::error_code ignored;
  state->root = fs::absolute(root, ignored).lexically_normal();
  SCANGATE_CHECK(create_store_folders(state->root));
  {
    SCANGATE_TRY(const LockFile lock, LockFile::acquire(state->root / "repair.lock"));
    SCANGATE_CHECK(repair_store(state->root));
  }
  SCANGATE_TRY(state->session, LockFile::make(state->root / "tmp", kSessionPrefix));
  state->work = session_folder(state->session->path());
  SCANGATE_CHECK(make_directories(state->work, 0700));
  SCANGATE_TRY(state->index, StoreIndex::open(state->root / "index.db"));
  return std::shared_ptr<Store>(new Store(std::move(state)));
}

const fs::path& Store::root() const {
  return state_->root;
}

Result<TempDir> Store::make_work_folder(std::string_view prefix) {
  return TempDir::make(state_->work, prefix);
}

bool Store::has_blob(const Digest& digest) const {
  return touch_file(blob_path(state_->root, digest));
}

Result<std::uint64_t> Store::blob_size(const Digest& digest) const {
  struct stat status{};
  if (stat(blob_path(state_->root, digest).c_str(), &status) != 0)
    return fail(Fault::user, fmt::format("blob {} is not in the store", digest.str()));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<UniqueFd> Store::open_blob(const Digest& digest) const {
  const fs::path path = blob_path(state_->root, digest);
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return fail(Fault::user, fmt::format("blob {} is not in the store", digest.str()));
  if (!fd) return fail(host_error("cannot open " + path.string(), errno));
  static_cast<void>(futimens(fd.get(), nullptr));
  return fd;
}

Result<std::string> Store::read_blob(const Digest& digest, std::size_t cap_bytes) const {
  SCANGATE_TRY(const UniqueFd fd, open_blob(digest));
  SCANGATE_TRY(std::string text, read_fd(fd.get(), cap_bytes, "blob " + digest.str()));
  if (Digest::of(text) != digest) return fail(damaged_blob(digest));
  return text;
}

Result<BlobWriter> Store::new_blob() {
  std::string name = (state_->work / "blob-XXXXXX").string();
  UniqueFd fd(mkostemp(name.data(), O_CLOEXEC));
  if (!fd)
    return fail(full_disk_aware(host_error("cannot create a file in the store " + state_->root.string(), errno),
                                state_->root, errno));
  auto writer = std::make_unique<BlobWriter::State>();
  writer->root = state_->root;
  writer->temporary = name;
  writer->fd = std::move(fd);
  return BlobWriter(std::move(writer));
}

Result<Digest> Store::put_blob(std::string_view text) {
  SCANGATE_TRY(BlobWriter writer, new_blob());
  SCANGATE_CHECK(writer.write(as_bytes(text)));
  return writer.commit();
}

Result<void> Store::tag(const Reference& name, const Digest& manifest_digest) {
  if (!has_blob(manifest_digest))
    return fail(Fault::user,
                fmt::format("cannot name '{}': blob {} is not in the store", name.familiar(), manifest_digest.str()));
  // A name must not outlive a crash that its blobs do not: their renames go to the disk first.
  const fs::path folder = blob_path(state_->root, manifest_digest).parent_path();
  SCANGATE_TRY(const UniqueFd fd, open_file(folder, O_RDONLY | O_DIRECTORY));
  if (fsync(fd.get()) != 0) return fail(host_error("cannot sync " + folder.string(), errno));
  return state_->index->put_name(state_->scope + name.str(), manifest_digest, state_->clock.now());
}

Result<std::optional<Digest>> Store::find(const Reference& name) const {
  SCANGATE_TRY(auto own, state_->index->find_name(state_->scope + name.str()));
  if (own || state_->scope.empty()) return own;
  return state_->index->find_name(name.str());
}

namespace {

bool is_id_prefix(std::string_view text) {
  constexpr std::size_t kLeast = 12;  // what docker prints
  return text.size() >= kLeast && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<Digest> Store::resolve(std::string_view name_or_id) const {
  std::string_view id = name_or_id;
  if (id.starts_with("sha256:")) id.remove_prefix(7);
  const bool maybe_id = is_id_prefix(id);
  auto reference = Reference::parse(name_or_id);
  if (reference) {
    SCANGATE_TRY(const std::optional<Digest> found, find(*reference));
    if (found) return *found;
    if (reference->digest) {
      // repository@digest names what is here under any tag of that repository, whatever the tag points to by now.
      if (has_blob(*reference->digest)) return *reference->digest;
    }
  } else if (!maybe_id) {
    return fail(std::move(reference).error());
  }
  if (maybe_id) {
    SCANGATE_TRY(const std::vector<StoredImage> all, list(Names::own_and_host));
    std::optional<StoredImage> match;
    for (const StoredImage& image : all) {
      if (!image.config_digest.hex().starts_with(id) && !image.manifest_digest.hex().starts_with(id)) continue;
      if (match && match->manifest_digest != image.manifest_digest && match->config_digest != image.config_digest)
        return fail(Fault::user, fmt::format("image id '{}' is ambiguous: '{}' and '{}' begin with it", name_or_id,
                                             match->name, image.name));
      match = image;
    }
    if (match) return match->manifest_digest;
  }
  return fail(Error(Fault::user, fmt::format("no image '{}' in the store",
                                             reference ? reference->familiar() : std::string(name_or_id)))
                  .remedy("build, pull or import it first"));
}

Result<std::vector<StoredImage>> Store::images() const {
  return list(Names::own);
}

Result<std::vector<StoredImage>> Store::list(Names which) const {
  SCANGATE_TRY(const std::vector<StoreIndex::Name> names, state_->index->names());
  std::vector<StoredImage> out;
  for (const StoreIndex::Name& name : names) {
    const std::size_t end = name.name.find(kScopeEnd);
    const bool host = end == std::string::npos;
    const bool own = host ? state_->scope.empty() : name.name.compare(0, end + 1, state_->scope) == 0;
    if (!own && !(host && which == Names::own_and_host)) continue;
    StoredImage image{.name = host ? name.name : name.name.substr(end + 1),
                      .manifest_digest = name.manifest_digest,
                      .stored = name.stored};
    // A name whose manifest was lost still has to be listed, else nobody could remove it.
    if (const auto found = manifest(name.manifest_digest)) {
      image.config_digest = found->config.digest;
      image.size_bytes = found->config.size_bytes;
      for (const Descriptor& layer : found->layers)
        image.size_bytes += layer.size_bytes;
    } else if (const auto index = stored_index(*this, name.manifest_digest); index && *index) {
      image.config_digest = name.manifest_digest;
      for (const Descriptor& entry : (*index)->manifests)
        if (const auto part = manifest(entry.digest)) {
          image.size_bytes += part->config.size_bytes;
          for (const Descriptor& layer : part->layers)
            image.size_bytes += layer.size_bytes;
        }
    }
    out.push_back(std::move(image));
  }
  return out;
}

Result<void> Store::untag(const Reference& name) {
  SCANGATE_TRY(const std::optional<Digest> found, state_->index->find_name(state_->scope + name.str()));
  if (!found) return fail(Fault::user, fmt::format("no image '{}' in the store", name.familiar()));
  return state_->index->drop_name(state_->scope + name.str());
}

Result<void> Store::forget_names() {
  return forget_names_of(state_->scope.substr(0, state_->scope.find(kScopeEnd)));
}

Result<void> Store::forget_names_of(const std::string& names_of) {
  if (names_of.empty()) return fail(Fault::user, "the host's own names are removed one by one");
  const std::string scope = names_of + kScopeEnd;
  SCANGATE_TRY(const std::vector<StoreIndex::Name> names, state_->index->names());
  for (const StoreIndex::Name& name : names)
    if (name.name.starts_with(scope)) SCANGATE_CHECK(state_->index->drop_name(name.name));
  return {};
}

Result<std::vector<std::string>> Store::name_scopes() const {
  SCANGATE_TRY(const std::vector<StoreIndex::Name> names, state_->index->names());
  std::vector<std::string> out;
  for (const StoreIndex::Name& name : names) {
    const std::size_t end = name.name.find(kScopeEnd);
    if (end == std::string::npos) continue;
    std::string scope = name.name.substr(0, end);
    if (out.empty() || out.back() != scope) out.push_back(std::move(scope));
  }
  return out;
}

Result<Manifest> Store::manifest(const Digest& manifest_digest) const {
  SCANGATE_TRY(const std::string text, read_blob(manifest_digest, kMaxManifestBytes));
  return parse_manifest(text, "manifest " + manifest_digest.str());
}

Result<ImageConfig> Store::config(const Manifest& manifest) const {
  SCANGATE_TRY(const std::string text, read_blob(manifest.config.digest, kMaxConfigBytes));
  const std::string place = "config " + manifest.config.digest.str();
  SCANGATE_TRY(ImageConfig config, parse_config(text, place));
  if (config.diff_ids.size() != manifest.layers.size())
    return fail(Error(Fault::user, fmt::format("it has {} diff_ids, its manifest has {} layers", config.diff_ids.size(),
                                               manifest.layers.size()))
                    .at(place));
  return config;
}

Result<void> Store::record_layer(const DiffId& diff_id, const Descriptor& blob) {
  return state_->index->put_layer(diff_id, blob);
}

Result<std::optional<Descriptor>> Store::find_layer(const DiffId& diff_id) const {
  SCANGATE_TRY(const std::vector<Descriptor> blobs, state_->index->layers(diff_id));
  for (const Descriptor& blob : blobs)
    if (has_blob(blob.digest)) return blob;
  return std::nullopt;
}

Result<bool> Store::holds_layer(const DiffId& diff_id, const Digest& blob) const {
  if (!has_blob(blob)) return false;
  SCANGATE_TRY(const std::vector<Descriptor> blobs, state_->index->layers(diff_id));
  return std::ranges::find(blobs, blob, &Descriptor::digest) != blobs.end();
}

Result<std::optional<std::string>> Store::cache_get(std::string_view table, std::string_view key) const {
  return state_->index->cache_get(table, key, state_->clock.now());
}
Result<void> Store::cache_put(std::string_view table, std::string_view key, std::string_view value) {
  return state_->index->cache_put(table, key, value, state_->clock.now());
}
Result<std::size_t> Store::cache_clear(std::string_view table) {
  return state_->index->cache_clear(table);
}

Result<PruneReport> Store::prune(std::chrono::seconds grace, std::uint64_t target_bytes) {
  SCANGATE_TRY(LockFile lock, LockFile::acquire(state_->root / "prune.lock"));
  SCANGATE_TRY(const std::vector<StoreIndex::Name> names, state_->index->names());
  StoreReferences needed;
  const auto need_manifest = [&](const Digest& digest) {
    needed.blobs.insert(digest);
    // A manifest that cannot be read protects nothing but itself.
    const auto manifest_found = manifest(digest);
    if (!manifest_found) return;
    needed.blobs.insert(manifest_found->config.digest);
    for (const Descriptor& layer : manifest_found->layers)
      needed.blobs.insert(layer.digest);
    const auto config_found = config(*manifest_found);
    if (!config_found) return;
    for (std::size_t count = 1; count <= config_found->diff_ids.size(); ++count)
      needed.chains.insert(chain_id(config_found->diff_ids, count).digest.hex());
  };
  for (const StoreIndex::Name& name : names) {
    need_manifest(name.manifest_digest);
    const auto index = stored_index(*this, name.manifest_digest);
    if (!index || !*index) continue;
    for (const Descriptor& entry : (*index)->manifests)
      need_manifest(entry.digest);
  }
  SCANGATE_TRY(PrunedFiles pruned, prune_files(state_->root, state_->work, needed, grace, target_bytes));
  for (const Digest& digest : pruned.blobs)
    SCANGATE_CHECK(state_->index->drop_blob(digest));
  // Texts of steps and inventories cost little; they go when nobody asked for them for long.
  constexpr std::chrono::seconds kCacheLife = std::chrono::days(30);
  SCANGATE_CHECK(state_->index->cache_drop_unused(state_->clock.now() - std::max(grace, kCacheLife)));
  lock.release();
  for (const fs::path& snapshot : pruned.trash) {
    pruned.report.freed_bytes += tree_bytes(snapshot);
    SCANGATE_CHECK(remove_tree(snapshot));
  }
  return pruned.report;
}

Result<std::vector<Digest>> Store::verify() const {
  std::vector<Digest> wrong;
  SCANGATE_TRY(const std::vector<Digest> all, stored_blobs(state_->root));
  for (const Digest& digest : all) {
    auto fd = open_blob(digest);
    if (!fd) continue;  // pruned meanwhile
    FdSource source(std::move(*fd), "blob " + digest.str());
    Sha256 hash;
    if (!copy_bytes(source, hash) || hash.finish() != digest) wrong.push_back(digest);
  }
  return wrong;
}

struct Store::Lease::State {
  explicit State(LockFile held) : lock(std::move(held)) {}
  ~State() { lock.remove(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  LockFile lock;
};

Store::Lease::Lease(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::Lease::Lease(Lease&&) noexcept = default;
Store::Lease& Store::Lease::operator=(Lease&&) noexcept = default;
Store::Lease::~Lease() = default;

Result<Store::Lease> Store::lease() {
  // Not while a prune is under way: it has looked at the leases already.
  SCANGATE_TRY(const LockFile pruning, LockFile::acquire(state_->root / "prune.lock"));
  SCANGATE_TRY(LockFile lock, LockFile::make(state_->root / "leases", "lease-"));
  return Lease(std::make_unique<Lease::State>(std::move(lock)));
}

}  // namespace scangate
