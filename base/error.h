#pragma once
// Expected failures as values. A gate that says no is a result, not an Error; "not found" that is normal is
// std::optional.
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace scangate {

enum class Fault {
  user,    // .gitlab-ci.yml, Dockerfile, flag or config: the reader can fix it
  host,    // disk full, no permission, missing kernel feature
  remote,  // registry, advisory feed or git server refused or vanished
};

// One failure with its place, cause and the frames it passed on its way up. Never holds a secret: see redact() in
// text.h. A value; safe to move between threads.
class [[nodiscard]] Error {
 public:
  Error(Fault fault, std::string cause) : fault_(fault), cause_(std::move(cause)) {}

  Error&& at(std::string place) && {
    place_ = std::move(place);
    return std::move(*this);
  }
  Error&& during(std::string frame) && {
    frames_.push_back(std::move(frame));
    return std::move(*this);
  }
  // The remedy: what the reader can do, in one clause. Printed after the cause.
  Error&& remedy(std::string what) && {
    remedy_ = std::move(what);
    return std::move(*this);
  }
  Error&& worth_retrying() && {
    retry_ = true;
    return std::move(*this);
  }

  Fault fault() const { return fault_; }
  const std::string& cause() const { return cause_; }
  const std::string& place() const { return place_; }
  bool is_worth_retrying() const { return retry_; }

  // "place: cause (remedy)" on one line, then one "  while ..." line per frame.
  std::string text() const;

 private:
  Fault fault_;
  std::string cause_;
  std::string place_;
  std::string remedy_;
  std::vector<std::string> frames_;
  bool retry_ = false;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}
inline tl::unexpected<Error> fail(Fault fault, std::string cause) {
  return fail(Error(fault, std::move(cause)));
}

// Host error with the text of `error_number` (an errno value): "cannot open /x: No such file or directory".
Error host_error(std::string_view what, int error_number);

// Returns early with the Error of `expr`; else binds its value: `SCANGATE_TRY(auto blob, store.open(digest));`
#define SCANGATE_CONCAT_INNER(a, b) a##b
#define SCANGATE_CONCAT(a, b) SCANGATE_CONCAT_INNER(a, b)
#define SCANGATE_TRY_INNER(tmp, target, expr)                \
  auto tmp = (expr);                                         \
  if (!tmp) return ::scangate::fail(std::move(tmp).error()); \
  target = std::move(*tmp)
#define SCANGATE_TRY(target, ...) SCANGATE_TRY_INNER(SCANGATE_CONCAT(try_, __LINE__), target, (__VA_ARGS__))
// The same for Result<void>.
#define SCANGATE_CHECK(...)                                                                       \
  do {                                                                                            \
    if (auto check_ = (__VA_ARGS__); !check_) return ::scangate::fail(std::move(check_).error()); \
  } while (false)

}  // namespace scangate
