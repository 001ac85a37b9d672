#pragma once
// What `docker inspect` and `docker history` show of an image in the store.
#include <string>

#include "pipeline/command/docker.h"
#include "pipeline/image/store.h"

namespace scangate {

// One image as a JSON object, with docker's member names.
Result<std::string> inspect_json(const Store& store, const Digest& manifest_digest);

// The layers, newest first, as docker prints them: a table, ids with -q, or --format with the fields ID, CreatedAt,
// CreatedBy, Size, Comment.
Result<std::string> history_text(const Store& store, const Digest& manifest_digest,
                                 const command::HistoryRequest& request);

// JSON documents behind `docker version --format` and `docker info --format`.
std::string version_json();
std::string info_json();

}  // namespace scangate
