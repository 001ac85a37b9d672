#pragma once
// What the wrappers of libarchive share. Private to this folder: <archive.h> stops here.
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <memory>
#include <string>

#include "base/error.h"

namespace scangate {

template <auto Release>
struct ReleaseArchiveWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    static_cast<void>(Release(handle));
  }
};
using ArchiveHandle = std::unique_ptr<archive, ReleaseArchiveWith<archive_read_free>>;

// The library's own words for what just failed.
inline std::string archive_text(archive* handle) {
  const char* text = archive_error_string(handle);
  return text != nullptr ? text : "unknown error of the archive reader";
}

// libarchive converts names through the locale of the thread, and in the "C" locale it loses every name that is not
// ASCII (measured with 3.6.2). This puts the calling thread into C.UTF-8 for the length of one call into the library.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {}
  ~Utf8Locale() {
    if (locale_ != nullptr) freelocale(locale_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

  class Use {
   public:
    explicit Use(const Utf8Locale& utf8) : before_(uselocale(utf8.locale_)) {}
    ~Use() { uselocale(before_); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    locale_t before_;
  };

 private:
  locale_t locale_;
};

// The name as it stands in the archive: the locale getter gives bytes that are not UTF-8, where the UTF-8 one is null.
template <auto Plain, auto Utf8>
std::string entry_bytes(archive_entry* entry) {
  if (const char* plain = Plain(entry)) return plain;
  const char* utf8 = Utf8(entry);
  return utf8 != nullptr ? utf8 : std::string();
}

}  // namespace scangate
