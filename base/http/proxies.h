#pragma once
// Which proxy a URL goes through, as curl's documentation of its environment variables says.
#include <string>
#include <string_view>
#include <vector>

namespace scangate {

class Proxies {
 public:
  // Takes http_proxy (lower case only: HTTP_PROXY is a request header in CGI), https_proxy, all_proxy and no_proxy.
  explicit Proxies(const std::vector<std::string>& environment);
  // For "http" or "https"; empty is none.
  const std::string& for_scheme(std::string_view scheme) const;
  const std::string& exceptions() const { return exceptions_; }

 private:
  std::string http_, https_, exceptions_;
};

}  // namespace scangate
