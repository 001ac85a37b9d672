#pragma once
// The command lines of programs other than docker, on the gate's image commands. Each gives the exit code that the
// original gives where it has one; 3 and 4 where the gate kept an image back.
#include "executor/gate/image_commands.h"

namespace scangate {

int serve_aws(ImageCommands& images, GateCall& call);
int serve_buildah(ImageCommands& images, GateCall& call);
int serve_crane(ImageCommands& images, GateCall& call);
int serve_inline_scan(ImageCommands& images, GateCall& call);
int serve_kaniko(ImageCommands& images, GateCall& call);
int serve_podman(ImageCommands& images, GateCall& call);
int serve_skopeo(ImageCommands& images, GateCall& call);

}  // namespace scangate
