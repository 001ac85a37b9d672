#include <cstdint>

#include "memory_files.h"
#include "pipeline/ci/pipeline.h"

// The input is split at lines "=== PATH" into files, so that includes are met too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate::ci;
  constexpr std::size_t kMost = 64U << 10U;
  if (size > kMost) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  MemoryFiles files;
  std::string path = ".gitlab-ci.yml";
  while (files.files.size() < 8) {
    const std::size_t mark = text.find("\n=== ");
    files.files[path] = text.substr(0, mark == std::string_view::npos ? mark : mark + 1);
    if (mark == std::string_view::npos) break;
    text.remove_prefix(mark + 5);
    const std::size_t end = text.find('\n');
    path = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  PipelineContext context;
  context.branch = "main";
  context.default_branch = "main";
  context.project_path = "group/app";
  context.registry = "registry.example.com";
  if (const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", context)) static_cast<void>(debug_json(*pipeline));
  return 0;
}
