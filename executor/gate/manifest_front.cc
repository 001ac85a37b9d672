#include "executor/gate/manifest_front.h"

#include <algorithm>

#include "base/json/json.h"
#include "base/text.h"
#include "executor/gate/image_copy.h"
#include "executor/gate/image_lists.h"
#include "executor/gate/job_login.h"
#include "pipeline/image/image_index.h"

namespace scangate {
namespace {

using command::ManifestRequest;
using Verb = ManifestRequest::Verb;
using Kind = command::ImageLocation::Kind;

class ManifestFront {
 public:
  ManifestFront(ImageCommands& images, GateCall& call, const ManifestRequest& asked)
      : images_(images), call_(call), asked_(asked), lists_(images, call) {}

  Result<int> serve() {
    SCANGATE_TRY(const auto lease, images_.store().lease());
    if (asked_.verb == Verb::remove_list) return remove_lists();
    SCANGATE_TRY(const Reference name, Reference::parse(asked_.list));
    use(name);
    switch (asked_.verb) {
      case Verb::create:
        return create(name);
      case Verb::add:
        return add(name);
      case Verb::annotate:
        return annotate(name);
      case Verb::push:
        return push(name);
      case Verb::remove_images:
        return remove_images(name);
      case Verb::exists: {
        SCANGATE_TRY(const auto found, lists_.find(name));
        return found ? 0 : 1;
      }
      default:
        return inspect(name);
    }
  }

 private:
  bool docker() const { return asked_.program == ManifestRequest::Program::docker; }
  LookIn where() const { return docker() ? LookIn::registry : LookIn::store_first; }
  void use(const Reference& name) {
    if (!docker()) use_login(images_, call_, login_, name.registry, AuthFiles::containers);
  }

  // What each program prints for a list that it changed.
  void tell(const Reference& name, const Digest& digest) {
    if (docker())
      call_.print("Created manifest list " + name.str() + "\n");
    else
      call_.print(digest.hex() + "\n");
  }

  void set(Descriptor& entry) const {
    if (!entry.platform) entry.platform = Platform::host();
    if (!asked_.os.empty()) entry.platform->os = asked_.os;
    if (!asked_.architecture.empty()) entry.platform->architecture = asked_.architecture;
    if (!asked_.variant.empty()) entry.platform->variant = asked_.variant;
    if (!asked_.os_version.empty()) entry.os_version = asked_.os_version;
    for (const auto& [key, value] : asked_.annotations)
      entry.annotations[key] = value;
  }

  Result<int> create(const Reference& name) {
    SCANGATE_TRY(auto known, lists_.find(name));
    if (known && !asked_.amend)
      return fail(Error(Fault::user, docker() ? "refusing to amend an existing manifest list with no --amend flag"
                                              : fmt::format("the list {} is there already", name.familiar()))
                      .remedy("use --amend, or manifest rm"));
    ImageIndex index = known ? std::move(*known) : ImageIndex{};
    for (const auto& image : asked_.images) {
      SCANGATE_TRY(auto entries, lists_.entries(image, asked_.all ? Take::all : Take::one_platform, where()));
      for (auto& entry : entries)
        put_entry(index, std::move(entry));
    }
    // buildah: of the list itself.
    for (const auto& [key, value] : asked_.annotations)
      index.annotations[key] = value;
    SCANGATE_TRY(const Digest digest, lists_.keep(name, index));
    tell(name, digest);
    return 0;
  }

  Result<int> add(const Reference& name) {
    SCANGATE_TRY(ImageIndex index, lists_.get(name));
    SCANGATE_TRY(auto entries, lists_.entries(asked_.images[0], asked_.all ? Take::all : Take::one_platform, where()));
    for (auto& entry : entries) {
      // One platform's name would be wrong for all others.
      if (!asked_.all) set(entry);
      put_entry(index, std::move(entry));
    }
    SCANGATE_TRY(const Digest digest, lists_.keep(name, index));
    tell(name, digest);
    return 0;
  }

  // The entry that `image` names: by digest, or by what it stands for now.
  Result<Descriptor*> entry_of(ImageIndex& index, const std::string& image) {
    std::optional<Digest> wanted;
    if (const auto digest = Digest::parse(image)) wanted = *digest;
    if (!wanted) {
      SCANGATE_TRY(const auto entries, lists_.entries(image, Take::one_platform, where()));
      wanted = entries.front().digest;
    }
    const auto found = std::ranges::find(index.manifests, *wanted, &Descriptor::digest);
    if (found == index.manifests.end())
      return fail(Fault::user,
                  fmt::format("manifest for image {} does not exist in {}", printable(image), asked_.list));
    return &*found;
  }

  Result<int> annotate(const Reference& name) {
    SCANGATE_TRY(ImageIndex index, lists_.get(name));
    SCANGATE_TRY(Descriptor * entry, entry_of(index, asked_.images[0]));
    set(*entry);
    SCANGATE_TRY(const Digest digest, lists_.keep(name, index));
    if (!docker()) tell(name, digest);
    return 0;
  }

  Result<int> remove_images(const Reference& name) {
    SCANGATE_TRY(ImageIndex index, lists_.get(name));
    SCANGATE_TRY(const Descriptor* entry, entry_of(index, asked_.images[0]));
    const Digest gone = entry->digest;
    std::erase_if(index.manifests, [&](const Descriptor& each) { return each.digest == gone; });
    SCANGATE_TRY(const Digest digest, lists_.keep(name, index));
    tell(name, digest);
    return 0;
  }

  Result<int> remove_lists() {
    for (const auto& text : asked_.images) {
      SCANGATE_TRY(const Reference name, Reference::parse(text));
      SCANGATE_CHECK(lists_.get(name).map([](const auto&) {}));
      SCANGATE_CHECK(images_.store().untag(name));
      if (!docker()) call_.print(name.familiar() + "\n");
    }
    return 0;
  }

  Result<int> push(const Reference& name) {
    SCANGATE_CHECK(lists_.get(name).map([](const auto&) {}));
    const std::string target = asked_.target.empty() ? name.str() : asked_.target;
    command::ImageLocation to{Kind::registry, target, {}, target};
    if (command::has_transport(target)) {
      SCANGATE_TRY(to, command::parse_location("manifest push", target));
    }
    ImageCopy copy{.source = {{Kind::store, name.str(), {}, name.str()}, {}},
                   .targets = {{std::move(to), login_}},
                   .files = docker() ? AuthFiles::docker : AuthFiles::containers,
                   .all_platforms = true};
    NoProgress silent;
    SCANGATE_TRY(const auto copied,
                 copy_image(images_, call_, copy, asked_.quiet ? static_cast<Progress&>(silent) : call_.console));
    if (copied.code != 0) return copied.code;
    if (!asked_.digestfile.empty()) SCANGATE_CHECK(call_.files.write(asked_.digestfile, copied.manifest_digest.str()));
    if (docker()) call_.print(copied.manifest_digest.str() + "\n");
    if (asked_.remove) SCANGATE_CHECK(images_.store().untag(name));
    return 0;
  }

  Result<int> inspect(const Reference& named) {
    // `docker manifest inspect LIST IMAGE`: the image is what is looked at.
    SCANGATE_TRY(const Reference name,
                 asked_.images.empty() ? Result<Reference>(named) : Reference::parse(asked_.images[0]));
    std::string text;
    SCANGATE_TRY(auto index, lists_.find(name));
    if (index) {
      text = to_json(*index);
    } else {
      SCANGATE_TRY(const auto remote, images_.registry(call_).document(name, call_.cancel));
      if (!remote) return fail(Fault::user, "no such manifest: " + name.familiar());
      text = remote->text;
    }
    if (asked_.verbose) {
      SCANGATE_TRY(text, verbose(name, text));
    }
    call_.print(dump_json(nlohmann::ordered_json::parse(text, nullptr, false), docker() ? 3 : 4) + "\n");
    return 0;
  }

  // A list with each entry's manifest, an object for what is no list.
  Result<std::string> verbose(const Reference& name, const std::string& text) {
    const auto one = [](const std::string& ref, const Descriptor& entry, const std::string& manifest) {
      nlohmann::ordered_json descriptor = {
          {"mediaType", entry.media_type}, {"digest", entry.digest.str()}, {"size", entry.size_bytes}};
      if (entry.platform)
        descriptor["platform"] = {{"architecture", entry.platform->architecture}, {"os", entry.platform->os}};
      const bool is_docker = entry.media_type == media_type::kDockerManifest;
      return nlohmann::ordered_json{
          {"Ref", ref},
          {"Descriptor", std::move(descriptor)},
          {is_docker ? "SchemaV2Manifest" : "OCIManifest", nlohmann::ordered_json::parse(manifest, nullptr, false)}};
    };
    const std::string type = document_media_type(text);
    if (!is_index_type(type)) {
      Descriptor self;
      self.media_type = type;
      self.digest = Digest::of(text);
      self.size_bytes = text.size();
      SCANGATE_TRY(const Manifest manifest, parse_manifest(text, name.familiar()));
      SCANGATE_TRY(const std::string config_text,
                   images_.registry(call_).blob_text(name, manifest.config.digest, kMaxConfigBytes, call_.cancel));
      SCANGATE_TRY(const ImageConfig config, parse_config(config_text, name.familiar()));
      self.platform = config.platform;
      return dump_json(one(name.str(), self, text));
    }
    SCANGATE_TRY(const ImageIndex index, parse_index(text, name.familiar()));
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const auto& entry : index.manifests) {
      std::string manifest;
      if (images_.store().has_blob(entry.digest)) {
        SCANGATE_TRY(manifest, images_.store().read_blob(entry.digest, kMaxManifestBytes));
      } else {
        Reference exact = name;
        exact.digest = entry.digest;
        SCANGATE_TRY(const auto remote, images_.registry(call_).document(exact, call_.cancel));
        if (!remote) return fail(Fault::user, "no such manifest: " + exact.familiar());
        manifest = remote->text;
      }
      out.push_back(one(fmt::format("{}@{}", name.str(), entry.digest.str()), entry, manifest));
    }
    return dump_json(out);
  }

  ImageCommands& images_;
  GateCall& call_;
  const ManifestRequest& asked_;
  command::RegistryLogin login_{asked_.user, asked_.password, asked_.authfile};
  ImageLists lists_;
};

}  // namespace

int serve_manifest(ImageCommands& images, GateCall& call, const ManifestRequest& asked) {
  const auto code = ManifestFront(images, call, asked).serve();
  return code ? *code : call.fail_with(code.error());
}

}  // namespace scangate
