#include "executor/gate/build_output.h"

#include "base/text.h"

namespace scangate {

Result<BuildOutput> parse_build_output(const std::string& text) {
  BuildOutput out;
  std::string type = text.find('=') == std::string::npos ? "local" : "";
  if (type == "local") {
    out.path = text;
  } else {
    for (const std::string& item : split(text, ',')) {
      const std::size_t equals = item.find('=');
      const std::string key = item.substr(0, equals);
      const std::string value = equals == std::string::npos ? "" : item.substr(equals + 1);
      if (key == "type")
        type = value;
      else if (key == "dest")
        out.path = value;
      else if (key == "push")
        out.push = value == "true" || value == "1";
      else if (key == "name")
        out.names.push_back(value);
      else if (key != "compression" && key != "oci-mediatypes" && key != "unpack" && key != "store")
        return fail(Fault::user, fmt::format("docker build: --output: '{}' is not served", printable(key)));
    }
  }
  if (type == "registry")
    out.push = true;
  else if (type == "docker" && !out.path.empty())
    out.archive = ArchiveForm::docker;
  else if (type == "oci")
    out.archive = ArchiveForm::oci;
  else if (type == "local" && !out.path.empty() && out.path != "-")
    out.local = true;
  else if (type == "local")
    return fail(
        Error(Fault::user, "docker build: --output type=local needs a folder").remedy("-o type=local,dest=FOLDER"));
  else if (type != "image" && type != "docker")
    return fail(Error(Fault::user, fmt::format("docker build: --output type '{}' is not served", printable(type)))
                    .remedy("local, docker, oci, image and registry are"));
  return out;
}

}  // namespace scangate
