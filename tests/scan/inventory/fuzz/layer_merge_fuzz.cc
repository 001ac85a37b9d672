#include <cstdint>

#include "scan/inventory/inventory.h"

// A line is one entry: its type, the path, and after a blank the link's target or the file's text ("|" for line ends);
// "=" begins the next layer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<LayerInventory> layers;
  LayerCataloger cataloger;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.empty()) continue;
    const char type = line.front();
    line.remove_prefix(1);
    if (type == '=') {
      if (layers.size() < 20) layers.push_back(cataloger.finish());
      continue;
    }
    const std::size_t blank = line.find(' ');
    std::string text(blank == std::string_view::npos ? std::string_view() : line.substr(blank + 1));
    for (char& c : text)
      if (c == '|') c = '\n';
    Entry entry{
        .path = std::string(line.substr(0, blank)), .mode = 04755, .size_bytes = text.size(), .link_target = text};
    entry.type = type == 'd'   ? EntryType::directory
                 : type == 'l' ? EntryType::symlink
                 : type == 'h' ? EntryType::hardlink
                 : type == 'c' ? EntryType::character_device
                               : EntryType::file;
    const auto want = cataloger.begin_entry(entry);
    if (want && *want == EntrySink::Want::content && entry.type == EntryType::file)
      static_cast<void>(cataloger.content(as_bytes(text)));
    static_cast<void>(cataloger.end_entry());
  }
  layers.push_back(cataloger.finish());
  static_cast<void>(merge_layers(layers));
  return 0;
}
