#include "pipeline/build/step_claims.h"

#include <chrono>

namespace scangate::build {
namespace {

// Between two looks at the wish to stop.
constexpr std::chrono::milliseconds kLook{100};

}  // namespace

StepClaims::Claim::~Claim() {
  if (claims_ == nullptr) return;
  const std::lock_guard lock(claims_->mutex_);
  claims_->held_.erase(key_);
  claims_->freed_.notify_all();
}

Result<StepClaims::Claim> StepClaims::take(const std::string& key, const Cancel& cancel) {
  std::unique_lock lock(mutex_);
  while (held_.contains(key)) {
    if (cancel.cancelled()) return fail(cancelled_error());
    freed_.wait_for(lock, kLook);
  }
  held_.insert(key);
  return Claim(*this, key);
}

}  // namespace scangate::build
