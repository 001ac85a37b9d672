#include "tests/pipeline/image/support.h"

#include <cstdlib>
#include <cstring>

#include "base/text.h"

namespace scangate::test {
namespace fs = std::filesystem;

std::string describe(const Entry& entry) {
  constexpr std::string_view kTypes[] = {"file", "dir", "symlink", "hardlink", "char", "block", "fifo"};
  std::string out = fmt::format("{} {} {:04o} {}:{} @{}", kTypes[static_cast<int>(entry.type)], printable(entry.path),
                                entry.mode, entry.uid, entry.gid, entry.mtime_seconds);
  if (entry.type == EntryType::file) out += fmt::format(" {}", entry.size_bytes);
  if (!entry.link_target.empty()) out += " -> " + printable(entry.link_target);
  if (entry.device_major != 0 || entry.device_minor != 0)
    out += fmt::format(" {},{}", entry.device_major, entry.device_minor);
  for (const auto& [key, value] : entry.xattrs)
    out += fmt::format(" {}={}", key, printable(value));
  return out;
}

Result<EntrySink::Want> RecordingSink::begin_entry(const Entry& entry) {
  entries.push_back(entry);
  lines.push_back(describe(entry));
  contents.emplace_back();
  return want_;
}
Result<void> RecordingSink::content(Bytes bytes) {
  contents.back().append(as_text(bytes));
  return {};
}
Result<void> RecordingSink::end_entry() {
  if (contents.back().size() <= 40 && !contents.back().empty())
    lines.back() += fmt::format(" '{}'", printable(contents.back()));
  return {};
}

namespace {
void put(std::string& block, std::size_t at, std::size_t width, const std::string& text) {
  block.replace(at, std::min(width, text.size()), text.substr(0, width));
}
}  // namespace

std::string raw_entry(const RawEntry& entry) {
  std::string block(512, '\0');
  put(block, 0, 100, entry.name);
  put(block, 100, 8, fmt::format("{:07o}", entry.mode));
  put(block, 108, 8, fmt::format("{:07o}", entry.uid));
  put(block, 116, 8, fmt::format("{:07o}", entry.gid));
  put(block, 124, 12, fmt::format("{:011o}", entry.content.size()));
  put(block, 136, 12, fmt::format("{:011o}", entry.mtime));
  put(block, 148, 8, "        ");
  block[156] = entry.type;
  put(block, 157, 100, entry.link);
  put(block, 257, 8,
      std::string("ustar\0"
                  "00",
                  8));
  put(block, 329, 8, fmt::format("{:07o}", entry.major));
  put(block, 337, 8, fmt::format("{:07o}", entry.minor));
  unsigned sum = 0;
  for (const char c : block)
    sum += static_cast<unsigned char>(c);
  put(block, 148, 7, fmt::format("{:06o}", sum) + '\0');
  block += entry.content;
  block.resize((block.size() + 511) / 512 * 512);
  return block;
}

std::string raw_tar(const std::vector<RawEntry>& entries) {
  std::string out;
  for (const RawEntry& entry : entries)
    out += raw_entry(entry);
  return out + std::string(1024, '\0');
}

std::string pax_record(const std::string& key, const std::string& value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (rest + std::to_string(length).size() > length)
    ++length;
  return fmt::format("{} {}={}\n", length, key, value);
}

void StoreTest::SetUp() {
  auto made = TempDir::make(fs::temp_directory_path(), "image-test-");
  ASSERT_TRUE(made) << made.error().text();
  folder_.emplace(std::move(*made));
  auto opened = Store::open(folder() / "store");
  ASSERT_TRUE(opened) << opened.error().text();
  store_ = *opened;
}

WrittenLayer StoreTest::put_layer(const std::string& tar) {
  StringSource source(tar);
  auto layer = layer_from_tar(*store_, source, {}, {}, "test.tar");
  EXPECT_TRUE(layer) << layer.error().text();
  return layer ? *layer : WrittenLayer{};
}

std::string StoreTest::run(const std::vector<std::string>& argv) {
  std::string out;
  std::string err;
  Command command{.argv = argv, .environment = current_environment()};
  command.directory = folder();
  auto exit = SystemProcessRunner().run(command, Cancel(), [&](Stream stream, std::string_view text) {
    (stream == Stream::out ? out : err).append(text);
  });
  EXPECT_TRUE(exit) << exit.error().text();
  if (exit) {
    EXPECT_EQ(exit->shell_code(), 0) << argv[0] << ": " << err;
  }
  return out;
}

bool may_chown(const fs::path& folder) {
  const fs::path path = folder / "chown-probe";
  const bool may = write_file_atomic(path, {}) && ::chown(path.c_str(), 7, 7) == 0;
  ::unlink(path.c_str());
  return may;
}

bool have(std::string_view program) {
  const char* path = std::getenv("PATH");
  return find_program(program, path == nullptr ? "/usr/bin:/bin" : path).has_value();
}

}  // namespace scangate::test
