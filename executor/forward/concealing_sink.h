#pragma once
#include <string>

#include "base/bytes.h"
#include "executor/broker/broker.h"

namespace scangate {

// Passes bytes on with every secret of the broker concealed, also where one lies across two pieces. finish() passes on
// what was held back.
class ConcealingSink final : public ByteSink {
 public:
  // Both outlive the sink.
  ConcealingSink(const Broker& broker, ByteSink& next) : broker_(broker), next_(next) {}
  Result<void> write(Bytes bytes) override;
  Result<void> finish();

 private:
  const Broker& broker_;
  ByteSink& next_;
  std::string held_;
};

}  // namespace scangate
