#pragma once
// A job's own proxies (HTTP_PROXY and the like among its variables) are for the world outside: the forwarder on the
// script's loopback is reached without them.
#include <string>
#include <string_view>

namespace scangate {

// The script with `host` among the exceptions of its proxies. gitlab-runner writes a job's variables into the script as
// `export NAME=value`, so the value is added to there; without such a line the script begins with one that adds to what
// the image brings. `host`: letters, digits and dots.
std::string with_proxy_exception(std::string script, std::string_view host);

}  // namespace scangate
