#include "pipeline/build/material.h"

#include "base/text.h"

namespace scangate {
namespace {

// purl-spec, "Character encoding": all else is percent-encoded, the separators of a path's segments aside.
std::string encoded(std::string_view text, std::string_view also_plain = "") {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                       c == '-' || c == '_' || c == '~' || also_plain.find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace

std::string image_purl(const Reference& name, const Platform& platform) {
  std::string path = name.repository;
  if (name.registry != "docker.io")
    path = name.registry + "/" + path;
  else if (path.starts_with("library/"))
    path.erase(0, std::string_view("library/").size());
  std::string out = "pkg:docker/" + encoded(path, "/:");
  if (!name.tag.empty()) out += "@" + encoded(name.tag);
  out += "?";
  if (name.digest) out += "digest=" + name.digest->str() + "&";
  return out + "platform=" + encoded(platform.str());
}

BuildMaterial image_material(const Reference& name, const Platform& platform, const Digest& manifest_digest) {
  return {image_purl(name, platform), "sha256", manifest_digest.hex()};
}

BuildMaterial file_material(std::string_view url, const Digest& digest) {
  return {redact(url), "sha256", digest.hex()};
}

BuildMaterial git_material(const GitUrl& url, std::string_view commit) {
  // Ids of repositories in git's newer object format have twice the digits.
  constexpr std::size_t kSha1Digits = 40;
  return {redact(url.str()), commit.size() == kSha1Digits ? "sha1" : "sha256", std::string(commit)};
}

void BuildMaterials::add(BuildMaterial material) {
  const std::lock_guard lock(mutex_);
  all_.insert(std::move(material));
}

std::vector<BuildMaterial> BuildMaterials::all() const {
  const std::lock_guard lock(mutex_);
  return {all_.begin(), all_.end()};
}

}  // namespace scangate
