#pragma once
// The store of a runner host: blobs by digest, names, layers, caches. DESIGN "State on disk"; docs/architecture.md.
//
// Layout below its root: blobs/sha256/<hex>, snapshots/<chain hex>/, tmp/, index.db (SQLite, WAL). A blob appears by
// rename after it was verified and synced, so every file under blobs/ is whole. Several processes and threads may use
// one store at the same time; a Store object is thread-safe.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "pipeline/image/model.h"
#include "pipeline/image/reference.h"

namespace scangate {

class Store;

// A blob under construction. Dropped without commit() it leaves nothing.
class BlobWriter final : public ByteSink {
 public:
  BlobWriter(BlobWriter&&) noexcept;
  BlobWriter& operator=(BlobWriter&&) noexcept;
  ~BlobWriter() override;
  Result<void> write(Bytes bytes) override;  // hashes while writing; disk full is Fault::host naming the store
  std::uint64_t size_bytes() const;
  // Puts the blob in place and gives its digest. With `expected`, another digest or size is Fault::remote and nothing
  // is stored.
  Result<Digest> commit();
  Result<void> commit_expecting(const Digest& expected, std::optional<std::uint64_t> size_bytes);

 private:
  friend class Store;
  struct State;
  explicit BlobWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct StoredImage {
  std::string name;  // complete reference with tag: "docker.io/library/debian:bookworm"
  Digest manifest_digest;
  Digest config_digest;          // the image id; of an index, which has none, its own digest
  std::uint64_t size_bytes = 0;  // config and compressed layers
  TimePoint stored{};
};

struct PruneReport {
  std::size_t blobs = 0;
  std::size_t snapshots = 0;
  std::uint64_t freed_bytes = 0;
};

class Store {
 public:
  // Creates the folders and the index when missing, and repairs what a crash left (stray temporary files and half-made
  // snapshots whose maker is gone). Errors: Fault::host with the path and the remedy.
  // `names_of`: whose names these are, a short word; empty: the host's own. A job has names of its own, as a Docker
  // daemon of its own would give it: what others tag it neither sees nor replaces. It finds the host's names where it
  // has none itself.
  static Result<std::shared_ptr<Store>> open(const std::filesystem::path& root, const std::string& names_of = {});
  ~Store();

  const std::filesystem::path& root() const;
  // A folder on the same filesystem for work in progress; removed with its TempDir, or by the next open() after a
  // crash.
  Result<TempDir> make_work_folder(std::string_view prefix);

  bool has_blob(const Digest& digest) const;
  Result<std::uint64_t> blob_size(const Digest& digest) const;
  // Errors: Fault::user when it is not there.
  Result<UniqueFd> open_blob(const Digest& digest) const;
  // For manifests and configs: read whole, digest verified again.
  Result<std::string> read_blob(const Digest& digest, std::size_t cap_bytes) const;
  Result<BlobWriter> new_blob();
  Result<Digest> put_blob(std::string_view text);

  // Names. tag() replaces. resolve() takes a complete reference, or an image id prefix of at least 12 hex digits.
  Result<void> tag(const Reference& name, const Digest& manifest_digest);
  Result<std::optional<Digest>> find(const Reference& name) const;
  // As users name images: reference or id. Fault::user "no image 'x' in the store (…)" when there is none.
  Result<Digest> resolve(std::string_view name_or_id) const;
  Result<std::vector<StoredImage>> images() const;  // of these names alone, sorted
  Result<void> untag(const Reference& name);
  // Drops all names of `names_of`; Fault::user for the host's own.
  Result<void> forget_names();
  // The same for the names of others, which must be gone for good: nobody puts any back. See name_scopes().
  Result<void> forget_names_of(const std::string& names_of);
  // Whose names there are besides the host's own: each `names_of` that was not forgotten, sorted.
  Result<std::vector<std::string>> name_scopes() const;

  // Manifest and config of a stored image, verified.
  Result<Manifest> manifest(const Digest& manifest_digest) const;
  Result<ImageConfig> config(const Manifest& manifest) const;

  // Which blob holds an uncompressed layer. Recorded by whoever verified it.
  Result<void> record_layer(const DiffId& diff_id, const Descriptor& blob);
  Result<std::optional<Descriptor>> find_layer(const DiffId& diff_id) const;  // only when the blob is there
  // Whether this very blob is in the store and recorded for this diffID. Several blobs may be one layer, packed in
  // several ways; what a manifest says of a blob that is recorded for another layer is not to be believed.
  Result<bool> holds_layer(const DiffId& diff_id, const Digest& blob) const;

  // Small texts by key, for caches of other rooms (build steps, inventories, file digests). `table` is a short
  // lower-case word.
  Result<std::optional<std::string>> cache_get(std::string_view table, std::string_view key) const;
  Result<void> cache_put(std::string_view table, std::string_view key, std::string_view value);
  Result<std::size_t> cache_clear(std::string_view table);

  // Removes blobs and snapshots that no name, no layer record younger than `grace`, and no lease needs; then least
  // recently used build cache until the store is below `target_bytes` (0: no target).
  Result<PruneReport> prune(std::chrono::seconds grace, std::uint64_t target_bytes);
  // Re-hashes every blob; the digests that do not match.
  Result<std::vector<Digest>> verify() const;

  // Keeps blobs and snapshots from being pruned while it lives (also seen by other processes; a dead holder's lease
  // does not count).
  class Lease {
   public:
    Lease(Lease&&) noexcept;
    Lease& operator=(Lease&&) noexcept;
    ~Lease();

   private:
    friend class Store;
    struct State;
    explicit Lease(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  Result<Lease>
  lease();  // while any lease is held by a living process, prune removes only what is older than that lease

 private:
  struct State;
  enum class Names { own, own_and_host };
  Result<std::vector<StoredImage>> list(Names which) const;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace scangate
