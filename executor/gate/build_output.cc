#include "executor/gate/build_output.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace scangate {
namespace {

constexpr int kMaxLevel = 22;  // zstd's

Error not_served(std::string_view key, std::string_view value) {
  return {Fault::user, fmt::format("--output: {}={} is not served", printable(key), printable(value))};
}

Result<bool> yes_or_no(std::string_view key, const std::string& value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return fail(Fault::user, fmt::format("--output: {} is true or false, not '{}'", printable(key), printable(value)));
}

Result<Compression> compression_named(const std::string& value) {
  if (value == "gzip") return Compression::gzip;
  if (value == "zstd") return Compression::zstd;
  if (value == "uncompressed") return Compression::none;
  return fail(not_served("compression", value).remedy("gzip, zstd and uncompressed are"));
}

Result<int> level_named(const std::string& value) {
  int level = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), level);
  if (error != std::errc() || end != value.data() + value.size() || level < 0 || level > kMaxLevel)
    return fail(Fault::user,
                fmt::format("--output: compression-level '{}' is no number from 0 to {}", printable(value), kMaxLevel));
  return level;
}

// "annotation.KEY", "annotation-manifest[linux/amd64].KEY", "annotation-index.KEY" as --annotation has them.
Result<void> take_annotation(const std::string& key, const std::string& value, BuildOutput& out) {
  const std::size_t bracket = key.find(']');
  const std::size_t dot = key.find('.', bracket == std::string::npos ? 0 : bracket);
  if (dot == std::string::npos) return fail(not_served(key, value));
  std::string type = key.substr(0, dot);
  type.erase(0, std::string_view("annotation").size());
  if (type.starts_with('-')) type.erase(0, 1);
  SCANGATE_TRY(const auto flags, command::parse_annotation_flag((type.empty() ? "manifest" : type) + ":" +
                                                                key.substr(dot + 1) + "=" + value));
  out.annotations.insert(out.annotations.end(), flags.begin(), flags.end());
  return {};
}

Result<void> take_option(const std::string& key, const std::string& value, BuildOutput& out) {
  if (key == "dest") {
    out.path = value;
  } else if (key == "name") {
    out.names.push_back(value);
  } else if (key == "push") {
    SCANGATE_TRY(out.push, yes_or_no(key, value));
  } else if (key == "tar") {
    SCANGATE_TRY(const bool packed, yes_or_no(key, value));
    out.unpacked = !packed;
  } else if (key == "compression") {
    SCANGATE_TRY(out.form.compression, compression_named(value));
  } else if (key == "compression-level") {
    SCANGATE_TRY(out.form.level, level_named(value));
  } else if (key == "force-compression") {
    SCANGATE_TRY(out.form.force, yes_or_no(key, value));
  } else if (key == "oci-mediatypes") {
    SCANGATE_TRY(const bool oci, yes_or_no(key, value));
    out.form.types = oci ? ImageForm::Types::oci : ImageForm::Types::docker;
  } else if (key.starts_with("annotation")) {
    return take_annotation(key, value, out);
  } else if (key == "unpack") {
    // Either way the image is mounted when it is needed.
    return yes_or_no(key, value).map([](bool) {});
  } else if (key == "rewrite-timestamp" || key == "store") {
    // Always so: files are never younger than SOURCE_DATE_EPOCH, and the image is in the store.
    SCANGATE_TRY(const bool wanted, yes_or_no(key, value));
    if (!wanted) return fail(not_served(key, value));
  } else {
    return fail(Fault::user, fmt::format("--output: '{}' is not served", printable(key)));
  }
  return {};
}

Result<void> set_type(const std::string& type, BuildOutput& out) {
  if (type == "image") return {};
  if (type == "registry") {
    out.push = true;
  } else if (type == "docker") {
    // Without a file it is the store.
    if (!out.path.empty()) out.archive = ArchiveForm::docker;
  } else if (type == "oci") {
    out.archive = ArchiveForm::oci;
  } else if (type == "tar") {
    out.tar = true;
  } else if (type == "local" && !out.path.empty() && out.path != "-") {
    out.local = true;
  } else if (type == "local") {
    return fail(Error(Fault::user, "--output: type=local needs a folder").remedy("-o type=local,dest=FOLDER"));
  } else {
    return fail(not_served("type", type).remedy("local, tar, docker, oci, image and registry are"));
  }
  return {};
}

}  // namespace

Result<BuildOutput> parse_build_output(const std::string& text) {
  BuildOutput out;
  if (text.find('=') == std::string::npos) {
    out.path = text;
    SCANGATE_CHECK(set_type(text == "-" ? "tar" : "local", out));
    return out;
  }
  std::string type;
  for (const std::string& item : split(text, ',')) {
    const std::size_t equals = item.find('=');
    const std::string key = item.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : item.substr(equals + 1);
    if (key == "type")
      type = value;
    else
      SCANGATE_CHECK(take_option(key, value, out));
  }
  SCANGATE_CHECK(set_type(type, out));
  if (out.unpacked && (out.archive != ArchiveForm::oci || out.path.empty() || out.path == "-"))
    return fail(Error(Fault::user, "--output: tar=false is for a folder").remedy("-o type=oci,tar=false,dest=FOLDER"));
  if ((out.form.level || out.form.force) && !out.form.compression) out.form.compression = Compression::gzip;
  if (out.form.types == ImageForm::Types::docker &&
      out.form.compression.value_or(Compression::gzip) != Compression::gzip)
    return fail(Fault::user, "--output: layers of Docker's media types are in gzip");
  return out;
}

bool is_streamed(const BuildOutput& output) {
  return (output.tar || output.archive) && (output.path.empty() || output.path == "-");
}

Result<ImageForm> form_of(const std::vector<BuildOutput>& outputs) {
  if (std::ranges::count_if(outputs, is_streamed) > 1)
    return fail(Error(Fault::user, "--output: standard output holds one of them").remedy("add dest=FILE"));
  ImageForm form;
  for (const BuildOutput& each : outputs) {
    if (each.form == ImageForm()) continue;
    if (form != ImageForm() && form != each.form)
      return fail(Error(Fault::user, "--output: one build gives images of one compression and one set of media types")
                      .remedy("build again for the other; its steps are cached"));
    form = each.form;
  }
  return form;
}

}  // namespace scangate
