#pragma once
// `docker build --output`: where a built image goes besides the store.
#include <string>
#include <vector>

#include "executor/gate/image_files.h"

namespace scangate {

struct BuildOutput {
  std::optional<ArchiveForm> archive;  // absent: the store, where it is anyway
  std::string path;                    // of the archive, "-" is standard output; or of the folder
  bool local = false;                  // the image's files go into a folder of the job
  bool push = false;                   // type=registry; type=image,push=true
  std::vector<std::string> names;      // name=…: further tags
};

// "type=docker,dest=app.tar", "type=local,dest=out", "out". Errors: Fault::user for types that are not served.
Result<BuildOutput> parse_build_output(const std::string& text);

}  // namespace scangate
