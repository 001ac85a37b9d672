#pragma once
// What ADD takes from elsewhere: a file by its URL, or a git repository. Dockerfile reference, "Adding files from a
// URL" and "Adding files from a Git repository".
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/http/http.h"
#include "base/process.h"
#include "pipeline/build/copy_select.h"
#include "pipeline/build/material.h"
#include "pipeline/git_source/git_source.h"
#include "pipeline/image/store.h"

namespace scangate::build {

// The layer writer takes files of up to 64 GiB; what is downloaded lies on the store's disk as well, and nothing near
// this is published as one file for builds.
inline constexpr std::uint64_t kMaxDownloadBytes = 16ULL << 30U;

// What fetching needs; all outlive the source.
struct RemoteHost {
  Store& store;
  HttpTransport* transport = nullptr;
  ProcessRunner* runner = nullptr;
  const Cancel& cancel;
  std::string cache_namespace;  // what one project's server said of a URL is never told to another
  GitSourceOptions git;
};

struct RemoteFlags {
  std::optional<std::string> checksum;  // --checksum, expanded
  std::optional<bool> keep_git_folder;  // --keep-git-dir
  bool unpack = false;                  // --unpack=true
  const dockerfile::IgnoreRules* excludes = nullptr;
};

class RemoteSource {
 public:
  virtual ~RemoteSource() = default;
  // What tells the content apart, for keys: a digest or a commit. Asks the server unless a checksum says it.
  virtual Result<std::string> identity() = 0;
  // The same as provenance names it; after identity().
  virtual BuildMaterial material() const = 0;
  // The files, in a folder that lives as long as this. Verified: against --checksum, and against identity().
  virtual Result<std::vector<SelectedSource>> fetch() = 0;
};

// Whether a source is not one of the context's files.
bool is_remote(std::string_view source);

// Errors of this and of the source, without place: Fault::user for a malformed address, a wrong checksum (with both
// digests) and what the server says is not there; Fault::remote when it does not answer well.
Result<std::unique_ptr<RemoteSource>> make_remote_source(const RemoteHost& host, const std::string& address,
                                                         const RemoteFlags& flags);

// "Sun, 06 Nov 1994 08:49:37 GMT" as seconds since 1970; nullopt for anything else. RFC 9110 section 5.6.7,
// IMF-fixdate.
std::optional<std::int64_t> parse_http_date(std::string_view text);
// The last part of the URL's path, percent-decoded; empty when it has none that can be a file's name.
std::string file_name_of_url(std::string_view url);

}  // namespace scangate::build
