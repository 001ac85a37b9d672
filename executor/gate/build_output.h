#pragma once
// `docker build --output`: where a built image goes besides the store, and in which form.
#include <string>
#include <vector>

#include "executor/gate/image_files.h"
#include "pipeline/build/build.h"
#include "pipeline/command/annotation_flag.h"

namespace scangate {

struct BuildOutput {
  std::optional<ArchiveForm> archive;  // absent: the store, where it is anyway
  bool unpacked = false;               // of an OCI archive: its folder instead, tar=false
  std::string path;                    // of the archive, "-" is standard output; or of the folder
  bool local = false;                  // the image's files go into a folder of the job
  bool tar = false;                    // the image's files as a tar at `path`
  bool push = false;                   // type=registry; type=image,push=true
  std::vector<std::string> names;      // name=…: further tags
  ImageForm form;                      // compression=… and its like; without annotations
  std::vector<command::AnnotationFlag> annotations;
};

// "type=docker,dest=app.tar", "type=local,dest=out", "out", "-". Errors: Fault::user for types and options that are not
// served.
Result<BuildOutput> parse_build_output(const std::string& text);

// Whether it goes to standard output, which then holds nothing else.
bool is_streamed(const BuildOutput& output);

// The one form that outputs of a build ask for. Errors: Fault::user when they ask for several, or several are streamed.
Result<ImageForm> form_of(const std::vector<BuildOutput>& outputs);

}  // namespace scangate
