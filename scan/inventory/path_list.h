#pragma once
// Very many paths in little memory: each is stored as what differs from the one before, in the order they came. A layer
// lists folder by folder, so that is 10 to 20 bytes a path.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace scangate::inventory {

// PATH_MAX of Linux: no program can open a longer path by name.
inline constexpr std::size_t kMaxPathBytes = 4096;

class PathList {
 public:
  // `path` has at most kMaxPathBytes; longer ones are left out.
  void add(std::string_view path);
  std::size_t size_bytes() const { return encoded_.size(); }

  // The encoded form, and back; nullopt when it is damaged.
  const std::string& encoded() const { return encoded_; }
  static std::optional<PathList> decode(std::string encoded);

  class Reader {
   public:
    explicit Reader(const PathList& list) : rest_(list.encoded_) {}
    // The next path; false at the end or at the first damaged place (see damaged()). Valid until the next call.
    bool next(std::string_view& path);
    bool damaged() const { return damaged_; }

   private:
    std::optional<std::size_t> number();
    std::string_view rest_;
    std::string path_;
    bool damaged_ = false;
  };

 private:
  std::string encoded_;
  std::string last_;
};

}  // namespace scangate::inventory
