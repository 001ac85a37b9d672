#pragma once
// Until when a job may be running, kept in its state folder: so that what it left is found again when its cleanup never
// ran, after a crash of the host or a killed runner.
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/progress.h"
#include "pipeline/image/lock_file.h"
#include "pipeline/image/store.h"

namespace scangate {

// Where a store keeps the state folders of jobs, one a job.
std::filesystem::path jobs_folder(const std::filesystem::path& store);
// The state folder's name is also whose image names the store keeps for the job: Settings::names_of.
std::string names_of_job(const std::filesystem::path& state_folder);

// Makes the state folder and its lease. A folder that a sweep is about to take is not given to a new job of the same
// name.
Result<void> open_job(const std::filesystem::path& store, const std::filesystem::path& state_folder,
                      std::chrono::seconds timeout, TimePoint now);

// One of the job's stages runs while it lives; renews the lease. Nullopt when another process of the job holds it, or
// the folder is not there.
Result<std::optional<LockFile>> hold_job(const std::filesystem::path& state_folder, std::chrono::seconds timeout,
                                         TimePoint now);

// Forgets the image names and removes the folders of jobs whose lease has run out and is held by nobody, and names of
// jobs that have no folder any more. Running jobs are left alone; several sweeps at once are fine. Tells what it
// removed; what it cannot remove is told and left to the next one.
void sweep_ended_jobs(Store& store, TimePoint now, Progress& progress);

}  // namespace scangate
