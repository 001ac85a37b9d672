// The first line names the program, the others are the command's arguments.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/text.h"
#include "pipeline/command/aws.h"
#include "pipeline/command/buildah.h"
#include "pipeline/command/crane.h"
#include "pipeline/command/kaniko.h"
#include "pipeline/command/skopeo.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate::command;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto words = scangate::split(text, '\n');
  const std::string program = words.front();
  words.erase(words.begin());
  if (program == "buildah") static_cast<void>(parse_buildah(words));
  if (program == "skopeo") static_cast<void>(parse_skopeo(words));
  if (program == "crane") static_cast<void>(parse_crane(words));
  if (program == "kaniko") static_cast<void>(parse_kaniko(words));
  if (program == "aws") static_cast<void>(parse_aws(words));
  if (program == "output" && !words.empty())
    for (const char* format : {"json", "text"})
      static_cast<void>(aws_output(words.size() > 1 ? words[1] : "", words[0], format));
  return 0;
}
