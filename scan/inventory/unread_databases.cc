// Package databases that no cataloger reads yet. Their presence is told, so that an image of theirs is never taken for
// one without packages.
#include <algorithm>
#include <array>

#include "scan/inventory/cataloger.h"

namespace scangate::inventory {
namespace {

struct Place {
  std::string_view folder;  // with a slash at its end
  std::string_view system;
};
constexpr std::array kPlaces = {
    Place{"var/lib/rpm/", "rpm"},
    Place{"usr/lib/sysimage/rpm/", "rpm"},
    Place{"usr/share/rpm/", "rpm"},
    Place{"var/lib/rpmmanifest/", "rpm"},  // distroless images of Azure Linux and the like
    Place{"var/lib/pacman/local/", "pacman"},
    Place{"usr/lib/opkg/", "opkg"},
    Place{"var/lib/opkg/", "opkg"},
    Place{"var/db/pkg/", "portage"},
    Place{"var/db/xbps/", "xbps"},
};

const Place* place_of(std::string_view path) {
  for (const Place& place : kPlaces) {
    if (!path.starts_with(place.folder)) continue;
    // Lock files such as .rpm.lock are left by tools that found no database.
    if (base_name(path).starts_with('.')) return nullptr;
    // Macros and scripts stand here too.
    if (place.folder == "usr/share/rpm/" && base_name(path) != "rpmdb.sqlite" &&
        !base_name(path).starts_with("Packages"))
      return nullptr;
    if ((place.system == "pacman" || place.system == "portage") && base_name(path) != "desc" && base_name(path) != "PF")
      return nullptr;
    if (place.system == "opkg" && base_name(path) != "status") return nullptr;
    return &place;
  }
  return nullptr;
}

class UnreadDatabases final : public Cataloger {
 public:
  std::optional<Claim> claim(std::string_view path) const override {
    if (place_of(path) == nullptr) return std::nullopt;
    return Claim{0};
  }

  FileRecord read(const FileContent& file) const override {
    // An empty file is what the setup of a package manager leaves in a foreign distribution.
    if (!file.truncated) return {};
    return {.role = Role::unread, .system = std::string(place_of(file.path)->system)};
  }
};

}  // namespace

const Cataloger& unread_databases() {
  static const UnreadDatabases kCataloger;
  return kCataloger;
}

}  // namespace scangate::inventory
