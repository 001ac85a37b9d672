#include "base/http/proxies.h"

#include <initializer_list>

namespace scangate {

Proxies::Proxies(const std::vector<std::string>& environment) {
  const auto first_of = [&](std::initializer_list<std::string_view> names) -> std::string {
    for (const auto name : names)
      for (const auto& entry : environment)
        if (entry.size() > name.size() + 1 && entry.starts_with(name) && entry[name.size()] == '=')
          return entry.substr(name.size() + 1);
    return {};
  };
  http_ = first_of({"http_proxy", "all_proxy", "ALL_PROXY"});
  https_ = first_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  exceptions_ = first_of({"no_proxy", "NO_PROXY"});
}

const std::string& Proxies::for_scheme(std::string_view scheme) const {
  return scheme == "https" ? https_ : http_;
}

}  // namespace scangate
