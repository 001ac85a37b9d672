#include "pipeline/build/emulation.h"

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"

namespace scangate::build {
namespace {

constexpr std::size_t kMaxEntryBytes = 64U << 10U;  // the kernel gives one page

// Go's names of processors, and qemu's.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kQemuNames = {{{"amd64", "x86_64"},
                                                                                       {"386", "i386"},
                                                                                       {"arm64", "aarch64"},
                                                                                       {"arm", "arm"},
                                                                                       {"riscv64", "riscv64"},
                                                                                       {"ppc64le", "ppc64le"},
                                                                                       {"s390x", "s390x"},
                                                                                       {"mips64le", "mips64el"},
                                                                                       {"mips64", "mips64"},
                                                                                       {"mipsle", "mipsel"},
                                                                                       {"loong64", "loongarch64"}}};

bool runs_natively(const Platform& image, const Platform& host) {
  if (image.architecture.empty() || image.architecture == host.architecture) return true;
  return (image.architecture == "386" && host.architecture == "amd64") ||
         (image.architecture == "arm" && host.architecture == "arm64");
}

}  // namespace

Result<void> check_can_run(const Platform& image, const Platform& host, const std::filesystem::path& binfmt) {
  if (!image.os.empty() && image.os != host.os)
    return fail(Fault::user, fmt::format("RUN for {} cannot be done on {}", image.str(), host.str()));
  if (runs_natively(image, host)) return {};
  const auto name = std::ranges::find(kQemuNames, std::string_view(image.architecture),
                                      &std::pair<std::string_view, std::string_view>::first);
  const std::string remedy =
      "install qemu-user-static and its binfmt entry on the host, or use COPY and cross-compile in a stage FROM "
      "--platform=$BUILDPLATFORM";
  const auto refused = [&](std::string_view why) {
    return fail(Error(Fault::user, fmt::format("RUN for {} on {}: {}", image.str(), host.str(), why)).remedy(remedy));
  };
  if (name == kQemuNames.end()) return refused("no emulation of that processor is known");
  const std::string entry = fmt::format("qemu-{}", name->second);
  const auto text = read_file(binfmt / entry, kMaxEntryBytes);
  if (!text) return refused(fmt::format("the host has no {} in binfmt_misc", entry));
  bool enabled = false;
  std::string flags;
  for (const auto& line : split(*text, '\n')) {
    if (line == "enabled") enabled = true;
    if (line.starts_with("flags:")) flags = trim(std::string_view(line).substr(6));
  }
  if (!enabled) return refused(fmt::format("{} is disabled in binfmt_misc", entry));
  // Without it the interpreter is looked for in the image.
  if (flags.find('F') == std::string::npos)
    return refused(fmt::format("{} is registered without the flag F, so it is not found inside an image", entry));
  return {};
}

}  // namespace scangate::build
