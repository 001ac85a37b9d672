#include "pipeline/git_source/git_source.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/base64.h"
#include "base/file.h"
#include "base/text.h"

namespace scangate {
namespace {

// What git says: the refs of one ls-remote that matches four patterns at most, ids, complaints.
constexpr std::size_t kMaxGitOutputBytes = 1024 * 1024;
// The layer writer's cap on entries; the largest public repositories have some 400,000 files.
constexpr std::size_t kMaxGitEntries = 2'000'000;

bool is_full_commit(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

// The variables a program may have of ours: where programs are, and the way out.
bool is_passed_on(std::string_view variable) {
  static constexpr std::array<std::string_view, 5> kNames{
      "path=", "http_proxy=", "https_proxy=", "no_proxy=", "all_proxy="};
  const std::string lower = to_lower(variable.substr(0, 16));
  return std::ranges::any_of(kNames, [&](std::string_view name) { return lower.starts_with(name); });
}

// The git program, told to be deaf: each setting closes one way for a repository or the host's configuration to run
// something, to ask somebody, or to go elsewhere.
class Git {
 public:
  static Result<Git> make(const GitUrl& url, const GitSourceOptions& options, ProcessRunner& runner,
                          const Cancel& cancel);

  struct Answer {
    int code = 0;
    std::string out;
    std::string complaint;  // git's last "fatal:" or "error:" line
  };
  using OnOutput = std::function<void(std::string_view)>;
  // `on_output` gets what git prints instead of the answer, however much it is.
  Result<Answer> ask(std::vector<std::string> arguments, const OnOutput& on_output = {}) const;
  // As ask(); a non-zero exit is an Error of `fault`.
  Result<std::string> run(std::vector<std::string> arguments, std::string_view doing,
                          Fault fault = Fault::remote) const;
  void work_in(const std::filesystem::path& folder) { folder_ = folder; }

 private:
  Git(ProcessRunner& runner, const Cancel& cancel, const GitSourceOptions& options, std::string what)
      : runner_(runner),
        cancel_(cancel),
        timeout_(options.timeout),
        max_bytes_(options.max_bytes),
        what_(std::move(what)) {}
  Result<void> speak_from(const GitNetwork& network);

  ProcessRunner& runner_;
  const Cancel& cancel_;
  std::chrono::milliseconds timeout_;
  std::uint64_t max_bytes_;
  std::string what_;
  std::string program_;
  std::vector<std::string> environment_;
  int network_fd_ = -1;
  std::optional<TempDir> network_files_;
  std::string resolv_conf_;  // a file in them
  // Until there is a repository of ours: where no configuration of somebody else's is found.
  std::filesystem::path folder_ = "/";
};

void add_configuration(std::vector<std::string>& environment,
                       const std::vector<std::pair<std::string, std::string>>& settings) {
  // Through the environment, not the command line: one of the values may be a password, and every user of the host
  // sees command lines. git-config(1), GIT_CONFIG_COUNT.
  for (std::size_t i = 0; i < settings.size(); ++i) {
    environment.push_back(fmt::format("GIT_CONFIG_KEY_{}={}", i, settings[i].first));
    environment.push_back(fmt::format("GIT_CONFIG_VALUE_{}={}", i, settings[i].second));
  }
  environment.push_back(fmt::format("GIT_CONFIG_COUNT={}", settings.size()));
}

std::string ssh_command(const GitSourceOptions& options) {
  // git gives this to a shell: the two paths are quoted for it.
  const auto quoted = [](const std::filesystem::path& path) {
    std::string out = "'";
    for (const char c : path.string())
      out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
  };
  // No configuration of the host, no keys from files, no questions, and no server whose key is not known.
  std::string command = "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentityFile=/dev/null";
  command += " -o ControlMaster=no -o ForwardAgent=no -o PermitLocalCommand=no";
  command += options.ssh_agent.empty() ? " -o IdentityAgent=none" : " -o IdentityAgent=" + quoted(options.ssh_agent);
  command += " -o UserKnownHostsFile=" + (options.known_hosts.empty() ? "/dev/null" : quoted(options.known_hosts));
  return command;
}

Result<void> Git::speak_from(const GitNetwork& network) {
  network_fd_ = network.namespace_fd;
  if (!network.resolv_conf) return {};
  SCANGATE_TRY(network_files_, TempDir::make(std::filesystem::temp_directory_path(), "git-network-"));
  const std::filesystem::path file = network_files_->path() / "resolv.conf";
  SCANGATE_CHECK(write_file_atomic(file, as_bytes(*network.resolv_conf), 0644));
  resolv_conf_ = file.string();
  return {};
}

Result<Git> Git::make(const GitUrl& url, const GitSourceOptions& options, ProcessRunner& runner, const Cancel& cancel) {
  if (url.remote.starts_with("file://") && options.file_remotes == FileRemotes::refused)
    return fail(Error(Fault::user, fmt::format("'{}' is a repository on this host", printable(url.str())))
                    .remedy("git sources are fetched with https, http, ssh or git"));
  Git git(runner, cancel, options, printable(url.remote));
  std::string path;
  for (const std::string& each : options.environment) {
    if (each.starts_with("PATH=")) path = each.substr(5);
    if (is_passed_on(each)) git.environment_.push_back(each);
  }
  auto program = find_program("git", path);
  if (!program)
    return fail(Error(Fault::host, "a git repository needs the program 'git', which is not installed")
                    .remedy("install git on this host"));
  git.program_ = std::move(*program);
  if (options.network) SCANGATE_CHECK(git.speak_from(*options.network));
  auto& environment = git.environment_;
  environment.insert(environment.end(),
                     {"LC_ALL=C", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
                      "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "SSH_ASKPASS=true",
                      "GIT_LFS_SKIP_SMUDGE=1", "GIT_SSH_COMMAND=" + ssh_command(options)});
  environment.push_back(options.file_remotes == FileRemotes::allowed ? "GIT_ALLOW_PROTOCOL=https:http:ssh:git:file"
                                                                     : "GIT_ALLOW_PROTOCOL=https:http:ssh:git");
  if (!options.ca_bundle.empty()) environment.push_back("GIT_SSL_CAINFO=" + options.ca_bundle.string());
  std::vector<std::pair<std::string, std::string>> settings{
      {"core.hooksPath", "/dev/null"},
      {"core.fsmonitor", "false"},
      {"core.autocrlf", "false"},
      {"core.symlinks", "true"},
      {"credential.helper", ""},
      {"core.fsync", "none"},  // the folder does not outlive the build
      {"gc.auto", "0"},
      {"maintenance.auto", "false"},
      {"advice.detachedHead", "false"},
      {"init.defaultBranch", "main"},
      // Below a byte a second for a minute: the server hangs.
      {"http.lowSpeedLimit", "1"},
      {"http.lowSpeedTime", "60"}};
  if (!url.user.empty() || !url.password.empty()) {
    const std::string scheme = url.remote.substr(0, url.remote.find("://"));
    settings.emplace_back(fmt::format("http.{}://{}/.extraHeader", scheme, url.host()),
                          "Authorization: Basic " + base64_encode(url.user + ":" + url.password));
  }
  add_configuration(environment, settings);
  return git;
}

std::string complaint_of(std::string_view text) {
  std::string best;
  for (const std::string& line : split(text, '\n')) {
    const std::string_view each = trim(line);
    if (each.starts_with("fatal:") || each.starts_with("error:")) best = std::string(trim(each.substr(6)));
    if (best.empty() && !each.empty()) best = std::string(each);
  }
  return redact(printable(best));
}

Result<Git::Answer> Git::ask(std::vector<std::string> arguments, const OnOutput& on_output) const {
  Command command;
  command.argv.push_back(program_);
  command.argv.insert(command.argv.end(), std::make_move_iterator(arguments.begin()),
                      std::make_move_iterator(arguments.end()));
  command.environment = environment_;
  command.directory = folder_;
  command.timeout = timeout_;
  command.dies_with_us = true;
  if (network_fd_ >= 0 && !resolv_conf_.empty()) command.namespaces = CLONE_NEWNS;
  command.before_exec = [fd = network_fd_, names = resolv_conf_.c_str(), max_bytes = max_bytes_]() -> int {
    ::umask(022);  // modes of a work tree depend on it
    const rlimit size{max_bytes, max_bytes};
    if (::setrlimit(RLIMIT_FSIZE, &size) != 0) return errno;
    if (fd < 0) return 0;
    if (::setns(fd, CLONE_NEWNET) != 0) return errno;
    if (*names == '\0') return 0;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return errno;
    return ::mount(names, "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0 ? 0 : errno;
  };
  Answer answer;
  std::string complaints;
  SCANGATE_TRY(const Exit exit, runner_.run(command, cancel_, [&](Stream stream, std::string_view text) {
    if (stream == Stream::out && on_output) return on_output(text);
    std::string& into = stream == Stream::out ? answer.out : complaints;
    if (into.size() < kMaxGitOutputBytes) into += text.substr(0, kMaxGitOutputBytes - into.size());
  }));
  answer.code = exit.shell_code();
  answer.complaint = complaint_of(complaints);
  return answer;
}

Result<std::string> Git::run(std::vector<std::string> arguments, std::string_view doing, Fault fault) const {
  SCANGATE_TRY(Answer answer, ask(std::move(arguments)));
  if (answer.code == 0) return std::move(answer.out);
  Error error(fault,
              fmt::format("git cannot {} {}: {}", doing, what_,
                          answer.complaint.empty() ? fmt::format("exit code {}", answer.code) : answer.complaint));
  if (fault == Fault::remote) return fail(std::move(error).worth_retrying());
  return fail(std::move(error));
}

// Of the refs that `git ls-remote` printed, the one that `wanted` means.
std::optional<GitCommit> choose_ref(std::string_view listing, const std::string& wanted) {
  const std::string partial = wanted.starts_with("refs/") ? wanted : "refs/" + wanted;
  const std::vector<std::string> candidates =
      wanted == "HEAD"              ? std::vector<std::string>{"HEAD"}
      : wanted.starts_with("refs/") ? std::vector<std::string>{wanted}
                                    : std::vector<std::string>{"refs/heads/" + wanted, "refs/tags/" + wanted, partial};
  const auto id_of = [&](const std::string& name) -> std::string {
    for (const std::string& line : split(listing, '\n')) {
      const std::size_t tab = line.find('\t');
      if (tab != std::string::npos && line.substr(tab + 1) == name && is_full_commit(line.substr(0, tab)))
        return to_lower(line.substr(0, tab));
    }
    return {};
  };
  for (const std::string& name : candidates) {
    const std::string id = id_of(name);
    if (id.empty()) continue;
    if (const std::string peeled = id_of(name + "^{}"); !peeled.empty()) return GitCommit{peeled, name, id};
    return GitCommit{id, name, ""};
  }
  return std::nullopt;
}

Result<GitCommit> resolve(const Git& git, const GitUrl& url) {
  const std::string wanted = url.ref.empty() ? (is_full_commit(url.commit) ? url.commit : "HEAD") : url.ref;
  GitCommit commit;
  if (is_full_commit(wanted)) {
    commit.id = to_lower(wanted);
  } else {
    SCANGATE_TRY(const std::string listing, git.run({"ls-remote", "--", url.remote, wanted, wanted + "^{}"}, "list"));
    auto chosen = choose_ref(listing, wanted);
    if (!chosen)
      return fail(
          Error(Fault::user, fmt::format("{} has no branch or tag '{}'", printable(url.remote), printable(wanted)))
              .remedy("a commit is named by all of its 40 digits"));
    commit = std::move(*chosen);
  }
  if (!commit.id.starts_with(url.commit) && !commit.tag.starts_with(url.commit))
    return fail(Error(Fault::user, fmt::format("the checksum of {} is wrong: '{}' is commit {}, not {}",
                                               printable(url.remote), printable(wanted), commit.id, url.commit)));
  return commit;
}

Result<void> fetch_commit(const Git& git, const GitUrl& url, const GitCommit& commit) {
  std::vector<std::string> init{"init", "-q", "--template="};
  if (commit.id.size() == 64) init.push_back("--object-format=sha256");
  if (auto made = git.run(std::move(init), "make a repository for", Fault::host); !made)
    return fail(std::move(made).error());
  if (auto made = git.run({"remote", "add", "--", "origin", url.remote}, "name", Fault::host); !made)
    return fail(std::move(made).error());
  const auto have = [&]() -> Result<bool> {
    SCANGATE_TRY(const auto answer, git.ask({"cat-file", "-e", commit.id + "^{commit}"}));
    return answer.code == 0;
  };
  // The ref as it is now; when it moved since it was looked up, the commit itself; and where the server does not give
  // single commits, or has no shallow fetches, everything.
  std::string refspec = commit.ref;
  if (commit.ref.starts_with("refs/heads/"))
    refspec = fmt::format("+{}:refs/remotes/origin/{}", commit.ref, commit.ref.substr(11));
  if (commit.ref.starts_with("refs/tags/")) refspec = fmt::format("+{}:{}", commit.ref, commit.ref);
  if (!refspec.empty()) {
    SCANGATE_TRY(const auto answer, git.ask({"fetch", "-q", "--depth=1", "--no-tags", "--no-recurse-submodules", "--",
                                             "origin", refspec}));
    SCANGATE_TRY(const bool there, have());
    if (answer.code == 0 && there) return {};
  }
  SCANGATE_TRY(const auto single, git.ask({"fetch", "-q", "--depth=1", "--no-tags", "--no-recurse-submodules", "--",
                                           "origin", commit.id}));
  SCANGATE_TRY(bool there, have());
  if (single.code == 0 && there) return {};
  auto all = git.run({"fetch", "-q", "--no-recurse-submodules", "--", "origin", "+refs/heads/*:refs/remotes/origin/*",
                      "+refs/tags/*:refs/tags/*"},
                     "fetch");
  if (!all) return fail(std::move(all).error());
  SCANGATE_TRY(there, have());
  if (!there) return fail(Error(Fault::user, fmt::format("{} has no commit {}", printable(url.remote), commit.id)));
  return {};
}

// Adds up the sizes in the output of `git ls-tree -r -l -z`: "MODE TYPE OBJECT SIZE\tPATH\0", a submodule's size is
// "-".
class TreeSize {
 public:
  void read(std::string_view text) {
    for (const char c : text) {
      if (c == '\0') {
        ++entries_;
        field_ = 0;
      } else if (field_ == kPath) {
        continue;
      } else if (c == '\t') {
        bytes_ += size_;
        size_ = 0;
        field_ = kPath;
      } else if (c == ' ') {
        // The size is padded on its left.
        if (field_ < kSize) ++field_;
      } else if (field_ == kSize && c >= '0' && c <= '9') {
        size_ = size_ * 10 + static_cast<std::uint64_t>(c - '0');
      }
    }
  }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t entries() const { return entries_; }

 private:
  static constexpr int kSize = 3;
  static constexpr int kPath = 4;
  int field_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t entries_ = 0;
};

// A small pack can stand for a work tree that fills the disk: it is measured before it is written.
Result<void> check_size(const Git& git, const GitUrl& url, const GitCommit& commit, std::uint64_t max_bytes) {
  TreeSize size;
  SCANGATE_TRY(const auto answer, git.ask({"ls-tree", "-r", "-l", "-z", "--full-tree", commit.id},
                                          [&](std::string_view text) { size.read(text); }));
  if (answer.code != 0)
    return fail(Fault::user,
                fmt::format("git cannot list the files of {}: {}", printable(url.remote), answer.complaint));
  if (size.bytes() > max_bytes || size.entries() > kMaxGitEntries)
    return fail(Error(Fault::user, fmt::format("{} is too large: commit {} has {} in {} files", printable(url.remote),
                                               commit.id, human_bytes(size.bytes()), size.entries()))
                    .remedy(fmt::format("up to {} in {} files are fetched", human_bytes(max_bytes), kMaxGitEntries)));
  return {};
}

// Removes what is git's own where that is asked for, and gives every entry the commit's time.
Result<void> settle(const std::filesystem::path& root, GitFolder git_folder, std::int64_t commit_seconds) {
  const auto trouble = [&](const std::error_code& code) {
    return Error(Fault::host, fmt::format("cannot walk the git work tree: {}", code.message()));
  };
  std::error_code code;
  std::vector<std::filesystem::path> entries{root};
  std::vector<std::filesystem::path> own;  // ".git" of the repository and of submodules
  // Our own new folder, which nobody else writes to; links are not followed.
  std::filesystem::recursive_directory_iterator walk(root, code);
  for (const std::filesystem::recursive_directory_iterator end; !code && walk != end; walk.increment(code)) {
    if (entries.size() > kMaxGitEntries)
      return fail(Fault::user, fmt::format("the git repository has more than {} files", kMaxGitEntries));
    if (git_folder == GitFolder::removed && walk->path().filename() == ".git") {
      own.push_back(walk->path());
      if (walk->is_directory() && !walk->is_symlink()) walk.disable_recursion_pending();
    } else {
      entries.push_back(walk->path());
    }
  }
  if (code) return fail(trouble(code));
  for (const auto& each : own)
    SCANGATE_CHECK(remove_tree(each));
  const std::array<timespec, 2> times{timespec{commit_seconds, 0}, timespec{commit_seconds, 0}};
  for (const auto& each : entries) {
    if (::utimensat(AT_FDCWD, each.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
      return fail(host_error("cannot set the time of " + each.string(), errno));
  }
  return {};
}

// The subfolder as a path; links in it lead nowhere but inside.
Result<std::filesystem::path> subfolder_of(const std::filesystem::path& root, const GitUrl& url) {
  if (url.subfolder.empty()) return root;
  SCANGATE_TRY(const auto root_fd, open_file(root, O_PATH | O_DIRECTORY));
  const auto missing = [&] {
    return fail(Error(Fault::user,
                      fmt::format("there is no folder '{}' in {}", printable(url.subfolder), printable(url.remote))));
  };
  if (url.subfolder.find('\0') != std::string::npos) return missing();
  auto found = open_in_root(root_fd.get(), "./" + url.subfolder, O_PATH | O_DIRECTORY);
  if (!found) return missing();
  std::error_code code;
  auto path = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", found->get()), code);
  if (code) return fail(Fault::host, fmt::format("cannot name the folder '{}'", printable(url.subfolder)));
  return path;
}

Result<GitTree> fetch(Git& git, const GitUrl& url, const GitCommit& commit, const std::filesystem::path& folder,
                      const GitSourceOptions& options) {
  git.work_in(folder);
  SCANGATE_CHECK(fetch_commit(git, url, commit));
  SCANGATE_CHECK(check_size(git, url, commit, options.max_bytes));
  auto out = git.run({"checkout", "-q", "--detach", commit.id, "--"}, "check out", Fault::user);
  if (!out) return fail(std::move(out).error());
  const bool wants_submodules = url.submodules.value_or(options.submodules == Submodules::fetched);
  std::error_code code;
  if (wants_submodules &&
      std::filesystem::is_regular_file(std::filesystem::symlink_status(folder / ".gitmodules", code))) {
    out = git.run({"submodule", "-q", "update", "--init", "--recursive", "--depth=1"}, "fetch the submodules of");
    if (!out) return fail(std::move(out).error());
  }
  SCANGATE_TRY(const std::string stamp, git.run({"log", "-1", "--no-show-signature", "--format=%ct", commit.id, "--"},
                                                "read the time of", Fault::host));
  std::int64_t seconds = 0;
  const std::string_view digits = trim(stamp);
  std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  const bool keep = url.keep_git_folder.value_or(options.git_folder == GitFolder::kept);
  // Names of what was fetched when: the only parts of the folder that differ between two fetches of a commit.
  for (const char* each : {".git/FETCH_HEAD", ".git/logs"})
    SCANGATE_CHECK(remove_tree(folder / each));
  SCANGATE_CHECK(settle(folder, keep ? GitFolder::kept : GitFolder::removed, std::max<std::int64_t>(seconds, 0)));
  SCANGATE_TRY(auto wanted, subfolder_of(folder, url));
  return GitTree{std::move(wanted), commit.id, commit.ref};
}

}  // namespace

Result<GitCommit> resolve_git_source(const GitUrl& url, const GitSourceOptions& options, ProcessRunner& runner,
                                     const Cancel& cancel) {
  SCANGATE_TRY(const auto git, Git::make(url, options, runner, cancel));
  return resolve(git, url);
}

Result<GitTree> fetch_git_source(const GitUrl& url, const std::filesystem::path& folder,
                                 const GitSourceOptions& options, ProcessRunner& runner, const Cancel& cancel) {
  SCANGATE_TRY(auto git, Git::make(url, options, runner, cancel));
  SCANGATE_TRY(const auto commit, resolve(git, url));
  return fetch(git, url, commit, folder, options);
}

Result<GitTree> fetch_git_source(const GitUrl& url, const GitCommit& commit, const std::filesystem::path& folder,
                                 const GitSourceOptions& options, ProcessRunner& runner, const Cancel& cancel) {
  SCANGATE_TRY(auto git, Git::make(url, options, runner, cancel));
  return fetch(git, url, commit, folder, options);
}

}  // namespace scangate
