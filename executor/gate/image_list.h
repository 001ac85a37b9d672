#pragma once
// The text of `docker images`.
#include <string>

#include "pipeline/command/docker.h"
#include "pipeline/image/store.h"

namespace scangate {

// As docker prints it: a table, ids with -q, or --format with the fields Repository, Tag, ID, Digest, Size, CreatedAt
// and CreatedSince. Errors: Fault::user for a field that is not served.
Result<std::string> list_images(const Store& store, const command::ImagesRequest& request);

}  // namespace scangate
