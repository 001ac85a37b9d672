#pragma once
// Whether what a command says is read in the job's log, or kept by the script for itself.

namespace scangate {

// `stream` is where the job's script itself writes: output or error stream of the sandbox's first process. False for
// what the script redirects (a file, /dev/null, `| tee`), which must stay free of the log's control text, and where it
// cannot be found out. `root`: the sandbox's "/". proc(5), /proc/pid/fd; sandboxes have their own processes there.
bool is_job_log(int root, int stream);

}  // namespace scangate
