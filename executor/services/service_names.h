#pragma once
// The names a job finds its services under. GitLab documentation, ci/services, "Accessing the services".
#include <string>
#include <string_view>
#include <vector>

namespace scangate {

// Of `tutum/wordpress:latest`: tutum__wordpress and tutum-wordpress; a registry's host is part of the names as in
// GitLab Runner (without its port), and they are given without it as well. `aliases` come first. No doubles; what could
// not stand in a hosts file is left out.
std::vector<std::string> service_names(std::string_view image, const std::vector<std::string>& aliases);

// /etc/hosts of a network that job and services share: loopback, our host name, the services, and of the host's own
// file what does not lead to its loopback. hosts(5).
std::string hosts_file(std::string_view host_file, std::string_view hostname, const std::vector<std::string>& names);

}  // namespace scangate
