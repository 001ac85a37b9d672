#include <array>

#include "base/text.h"
#include "scan/inventory/cataloger.h"

namespace scangate::inventory {

std::span<const Cataloger* const> all_catalogers() {
  static const std::array<const Cataloger*, 7> kAll = {&dpkg_cataloger(),   &apk_cataloger(), &os_release_cataloger(),
                                                       &python_cataloger(), &npm_cataloger(), &pnpm_store_cataloger(),
                                                       &unread_databases()};
  return kAll;
}

std::span<const Cataloger* const> lock_file_catalogers() {
  static const std::array<const Cataloger*, 2> kAll = {&npm_lock_cataloger(), &poetry_lock_cataloger()};
  return kAll;
}

bool shows_language_package(std::string_view path) {
  return python_cataloger().claim(path) || npm_cataloger().claim(path);
}

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

FileProblem over_cap(std::size_t cap_bytes) {
  return {fmt::format("larger than {}, not read in full", human_bytes(cap_bytes)), true};
}

}  // namespace scangate::inventory
