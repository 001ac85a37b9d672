#pragma once
// One file by its http(s) URL, for ADD. What servers said of URLs (ETag, Last-Modified, digest) is kept, so that an
// unchanged file is not sent again. RFC 9110 section 13.
#include "pipeline/build/remote_source.h"

namespace scangate::build {

// Errors: Fault::user for a --checksum that is no digest.
Result<std::unique_ptr<RemoteSource>> make_url_source(const RemoteHost& host, const std::string& url,
                                                      const RemoteFlags& flags);

}  // namespace scangate::build
