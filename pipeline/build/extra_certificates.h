#pragma once
// What the host trusts and the image does not, for one RUN step: behind a proxy that opens TLS connections nothing else
// works.
#include <filesystem>
#include <string>

#include "base/error.h"
#include "pipeline/build/source_tree.h"

namespace scangate::build {

// The certificates of `host` (PEM) that `image` lacks, as PEM text that can be appended; empty when there are none.
std::string missing_certificates(std::string_view image, std::string_view host);

// An image with a bundle of its own gets the host's further certificates appended to it for the time of a step. Written
// in place, not mounted: see CaBundle. Afterwards the layer's copy goes, so that the image's own file shows through
// again; a file that the step itself rewrote loses the appended part and stays.
class ExtraCertificates {
 public:
  // `root` is the step's merged tree, `upper` what it changes. Nothing is lent to an image without a bundle.
  static Result<ExtraCertificates> lend(const std::filesystem::path& root, const std::filesystem::path& upper,
                                        const std::filesystem::path& host_bundle);
  // Takes them back; once, after the step's processes are gone.
  Result<void> take_back();

 private:
  std::filesystem::path root_;
  std::filesystem::path upper_;
  std::string bundle_;  // path in the tree; empty: nothing was lent
  std::string extra_;
  FileStamp lent_;
};

}  // namespace scangate::build
