#include "executor/gate/working_containers.h"

#include <sys/random.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kEmpty = "scratch";
constexpr std::size_t kMaxRecordBytes = 200;
constexpr std::size_t kMaxNameBytes = 128;

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                  c == '.';
         });
}

Error no_container(const std::string& name) {
  return Error(Fault::user, fmt::format("no working container '{}'", printable(name)))
      .remedy("begin one with buildah from");
}

// A name for the container's image while a step is built on it. Nobody else can guess it, so nobody else can change it.
Result<Reference> passing_name(const std::string& container) {
  std::array<std::byte, 16> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return fail(Fault::host, "the kernel gives no random bytes");
  std::string repository = to_lower(container);
  std::replace_if(repository.begin(), repository.end(), [](char c) { return c == '.' || c == '_'; }, '-');
  repository.erase(repository.find_last_not_of('-') + 1);
  return Reference::parse(
      fmt::format("localhost/{}:{}", repository.empty() ? "container" : repository, to_hex(random)));
}

// Takes the passing name away again, however the step ends.
class PassingTag {
 public:
  static Result<PassingTag> make(Store& store, Reference name, const Digest& image) {
    SCANGATE_CHECK(store.tag(name, image));
    return PassingTag(&store, std::move(name));
  }
  PassingTag(PassingTag&& other) noexcept
      : store_(std::exchange(other.store_, nullptr)), name_(std::move(other.name_)) {}
  PassingTag& operator=(PassingTag&&) = delete;
  ~PassingTag() {
    if (store_ != nullptr) static_cast<void>(store_->untag(name_));
  }

 private:
  PassingTag(Store* store, Reference name) : store_(store), name_(std::move(name)) {}
  Store* store_;
  Reference name_;
};

}  // namespace

WorkingContainers::WorkingContainers(ImageCommands& images)
    : images_(images), folder_(images.context().state_folder / "containers") {}

std::vector<std::string> WorkingContainers::names() const {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error))
    if (is_name(entry.path().filename().string())) out.push_back(entry.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::string> WorkingContainers::begin(const std::string& name, const std::string& image_name,
                                             const std::optional<Digest>& image) {
  const auto taken = names();
  if (taken.size() >= kMaxWorkingContainers)
    return fail(Fault::user, fmt::format("this job has {} working containers already", taken.size()));
  const auto is_taken = [&](const std::string& one) { return std::binary_search(taken.begin(), taken.end(), one); };
  std::string chosen = name;
  if (chosen.empty()) {
    std::string base = image_name.substr(0, image_name.find('@'));
    base = base.substr(base.rfind('/') + 1);
    chosen = base.substr(0, base.find(':')) + "-working-container";
    const std::string first = chosen;
    for (std::size_t i = 1; is_taken(chosen); ++i)
      chosen = fmt::format("{}-{}", first, i);
  }
  if (!is_name(chosen)) return fail(Fault::user, fmt::format("'{}' is no name for a container", printable(chosen)));
  if (is_taken(chosen))
    return fail(Error(Fault::user, fmt::format("the container name '{}' is in use", chosen))
                    .remedy("remove it with buildah rm"));
  SCANGATE_CHECK(make_directories(folder_));
  SCANGATE_CHECK(write_file_atomic(file_of(chosen), as_bytes(image ? image->str() : std::string(kEmpty))));
  return chosen;
}

Result<std::optional<Digest>> WorkingContainers::image(const std::string& name) const {
  std::error_code error;
  if (!is_name(name) || !fs::exists(file_of(name), error)) return fail(no_container(name));
  SCANGATE_TRY(const std::string text, read_file(file_of(name), kMaxRecordBytes));
  if (text == kEmpty) return std::optional<Digest>();
  SCANGATE_TRY(const Digest digest, Digest::parse(text));
  return std::optional(digest);
}

Result<ImageConfig> WorkingContainers::config(const std::string& name) const {
  SCANGATE_TRY(const auto digest, image(name));
  if (!digest) return ImageConfig{};
  SCANGATE_TRY(const auto manifest, images_.store().manifest(*digest));
  return images_.store().config(manifest);
}

Result<void> WorkingContainers::remove(const std::string& name) {
  SCANGATE_CHECK(image(name).map([](const auto&) {}));
  std::error_code error;
  fs::remove(file_of(name), error);
  if (error) return fail(host_error("cannot remove " + file_of(name).string(), error.value()));
  return {};
}

Result<int> WorkingContainers::apply(GateCall& call, const std::string& name, Step step, Progress& progress) {
  SCANGATE_TRY(const auto now, image(name));
  std::optional<PassingTag> tag;
  std::string from(kEmpty);
  if (now) {
    SCANGATE_TRY(const Reference passing, passing_name(name));
    from = passing.str();
    SCANGATE_TRY(auto made, PassingTag::make(images_.store(), passing, *now));
    tag.emplace(std::move(made));
  }
  SCANGATE_TRY(
      const auto built,
      images_.build_text(call, step.build, fmt::format("FROM {}\n{}", from, step.instructions), step.title, progress));
  if (built.failed_step) return built.failed_step->exit_code;
  SCANGATE_CHECK(write_file_atomic(file_of(name), as_bytes(built.manifest_digest.str())));
  return 0;
}

}  // namespace scangate
