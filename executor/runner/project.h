#pragma once
// What jobs of one project share on this host.
#include <filesystem>
#include <string>

#include "executor/runner/job_response.h"

namespace scangate {

// "project-7-1f0c2a9b": unique where several GitLab servers count their own projects. Safe as a file's name.
std::string project_name(const JobResponse& job);

// What `cache:` of its jobs leaves for later ones, where the runner has no shared cache: <store>/caches/<project>. Only
// the stages that restore and archive see it: a script that could write there could hand a protected branch's job a
// cache of its making, whatever GitLab put into the cache's key. Never swept: as with docker's cache volumes, that is
// the administrator's.
std::filesystem::path project_cache(const std::filesystem::path& store, const JobResponse& job);

}  // namespace scangate
