#pragma once
// One at a time: what two stages would do alike at the same moment is done by one of them, and the other finds it done.
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

#include "base/cancel.h"

namespace scangate::build {

// Thread-safe. A thread holds one claim of a kind at a time, so that none wait for each other.
class StepClaims {
 public:
  class Claim {
   public:
    Claim(StepClaims& claims, std::string key) : claims_(&claims), key_(std::move(key)) {}
    Claim(Claim&& other) noexcept : claims_(std::exchange(other.claims_, nullptr)), key_(std::move(other.key_)) {}
    Claim& operator=(Claim&&) = delete;
    ~Claim();

   private:
    StepClaims* claims_;
    std::string key_;
  };
  // Waits while another has `key`. Errors: when cancelled.
  Result<Claim> take(const std::string& key, const Cancel& cancel);

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::set<std::string> held_;
};

}  // namespace scangate::build
