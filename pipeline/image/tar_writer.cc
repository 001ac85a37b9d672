#include "pipeline/image/tar_writer.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace scangate {
namespace {

// ustar's field widths and places, in bytes.
struct Field {
  std::size_t at;
  std::size_t width;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12}, kMtime{136, 12},
    kChecksum{148, 8}, kType{156, 1}, kLinkName{157, 100}, kMagic{257, 8}, kMajor{329, 8}, kMinor{337, 8},
    kPrefix{345, 155};

constexpr std::uint64_t kMaxOctal7 = 07777777;       // an 8 byte field: seven digits and a NUL
constexpr std::uint64_t kMaxOctal11 = 077777777777;  // a 12 byte field: 8 GiB - 1

class Header {
 public:
  Header() {
    put(kMagic, std::string_view("ustar\0"
                                 "00",
                                 8));
  }
  void put(Field field, std::string_view text) {
    std::copy_n(text.begin(), std::min(field.width, text.size()), block_ + field.at);
  }
  void octal(Field field, std::uint64_t value) { put(field, fmt::format("{:0{}o}", value, field.width - 1)); }
  std::string finish() {
    std::memset(block_ + kChecksum.at, ' ', kChecksum.width);
    unsigned sum = 0;
    for (const char c : block_)
      sum += static_cast<unsigned char>(c);
    // Six digits, a NUL, and the blank that stands there already.
    put(kChecksum, fmt::format("{:06o}", sum) + '\0');
    return std::string(block_, sizeof block_);
  }

 private:
  char block_[kTarBlock] = {};
};

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Bytes that are not UTF-8 stand in ustar as they are: every reader gives them back, where a pax record of them breaks
// its own rule and libarchive warns.
bool fits_ustar_text(std::string_view text) {
  return is_ascii(text) || !is_utf8(text);
}

// Cuts a name at a "/" into prefix and name; false when no cut fits.
bool split_name(std::string_view path, std::string_view& prefix, std::string_view& name) {
  if (path.size() <= kName.width) {
    prefix = {};
    name = path;
    return true;
  }
  if (path.size() > kPrefix.width + 1 + kName.width) return false;
  // The first "/" that leaves a short enough name; a directory's last one ends its name and cuts nothing.
  const std::size_t from = path.size() - kName.width - 1;
  const std::size_t slash = path.find('/', from);
  if (slash == std::string_view::npos || slash == 0 || slash > kPrefix.width || slash + 1 == path.size()) return false;
  prefix = path.substr(0, slash);
  name = path.substr(slash + 1);
  return true;
}

// "LENGTH key=value\n", where LENGTH counts itself.
void add_record(std::string& records, std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;  // " ", "=", "\n"
  std::size_t length = rest + 1;
  while (rest + std::to_string(length).size() > length)
    ++length;
  records += fmt::format("{} {}=", length, key);
  records.append(value);
  records.push_back('\n');
}

// The name of the pax header itself, which only readers without pax see.
std::string pax_header_name(std::string_view path) {
  std::string_view base = path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
  std::string out = "PaxHeaders.0/";
  for (const char c : base.substr(0, kName.width - out.size()))
    out.push_back(static_cast<unsigned char>(c) < 0x80 ? c : '_');
  return out;
}

char type_flag(EntryType type) {
  switch (type) {
    case EntryType::file:
      return '0';
    case EntryType::hardlink:
      return '1';
    case EntryType::symlink:
      return '2';
    case EntryType::character_device:
      return '3';
    case EntryType::block_device:
      return '4';
    case EntryType::directory:
      return '5';
    case EntryType::fifo:
      return '6';
  }
  return '0';
}

std::string pax_header(std::string_view path, const std::string& records) {
  Header header;
  header.put(kName, pax_header_name(path));
  header.octal(kMode, 0644);
  header.octal(kUid, 0);
  header.octal(kGid, 0);
  header.octal(kSize, records.size());
  header.octal(kMtime, 0);
  header.put(kType, "x");
  return header.finish() + records + std::string(tar_padding(records.size()), '\0');
}

}  // namespace

Result<std::string> tar_header(const Entry& entry) {
  Header header;
  std::string records;
  std::string path = entry.path;
  if (entry.type == EntryType::directory) path += path.empty() ? "./" : "/";

  std::string_view prefix;
  std::string_view name;
  if (fits_ustar_text(path) && split_name(path, prefix, name)) {
    header.put(kPrefix, prefix);
    header.put(kName, name);
  } else {
    add_record(records, "path", path);
    header.put(kName, pax_header_name(entry.path).substr(sizeof "PaxHeaders.0/" - 1));
  }
  if (entry.type == EntryType::symlink || entry.type == EntryType::hardlink) {
    if (fits_ustar_text(entry.link_target) && entry.link_target.size() <= kLinkName.width)
      header.put(kLinkName, entry.link_target);
    else
      add_record(records, "linkpath", entry.link_target);
  }
  // A value that does not fit goes into a record and leaves zero in the header.
  const auto number = [&](Field field, std::uint64_t value, std::uint64_t most, std::string_view key) {
    if (value > most) add_record(records, key, std::to_string(value));
    header.octal(field, value > most ? 0 : value);
  };
  header.octal(kMode, entry.mode & 07777U);
  number(kUid, entry.uid, kMaxOctal7, "uid");
  number(kGid, entry.gid, kMaxOctal7, "gid");
  number(kSize, entry.size_bytes, kMaxOctal11, "size");
  if (entry.mtime_seconds < 0) {
    add_record(records, "mtime", std::to_string(entry.mtime_seconds));
    header.octal(kMtime, 0);
  } else {
    number(kMtime, static_cast<std::uint64_t>(entry.mtime_seconds), kMaxOctal11, "mtime");
  }
  if (entry.type == EntryType::character_device || entry.type == EntryType::block_device) {
    number(kMajor, entry.device_major, kMaxOctal7, "SCHILY.devmajor");
    number(kMinor, entry.device_minor, kMaxOctal7, "SCHILY.devminor");
  } else {
    header.octal(kMajor, 0);
    header.octal(kMinor, 0);
  }
  for (const auto& [key, value] : entry.xattrs) {
    if (key.find('=') != std::string::npos || key.find('\0') != std::string::npos)
      return fail(Fault::user,
                  fmt::format("'{}': the extended attribute '{}' cannot stand in a layer: its name has a '='",
                              printable(entry.path), printable(key)));
    add_record(records, "SCHILY.xattr." + key, value);
  }
  const char type = type_flag(entry.type);
  header.put(kType, std::string_view(&type, 1));
  std::string block = header.finish();
  return records.empty() ? block : pax_header(path, records) + block;
}

}  // namespace scangate
