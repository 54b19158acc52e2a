// `resnet tag --xmp` and `--xmp-remove`: keywords into and out of photos' metadata, counted and reported.
#pragma once

#include "output/xmp_writer.hpp"
#include "tag_options.hpp"

#include <cstddef>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <resnet/error.hpp>
#include <resnet/predictions.hpp>

namespace resnet::cli {

class TagXmp {
 public:
  // Throws Error{unsupported} in a build without XMP.
  TagXmp(const TagArguments& args, std::string fingerprint);

  // Writes the tags of one photo. A failure is reported and counted, not thrown. True where the photo's own
  // file was changed.
  bool write(const std::filesystem::path& photo, std::span<const Prediction> tags,
             const std::vector<std::string>& labels);
  // Takes our keywords out of the photo's sidecar, of the photo itself, or both, as --xmp says.
  void remove(const std::filesystem::path& photo);

  std::size_t failed() const { return failed_; }
  void report_counts() const;

 private:
  void tell(const XmpOutcome& outcome);
  void fail(const std::exception& error);

  const TagArguments& args_;
  std::string fingerprint_;
  XmpWriteOptions options_;
  std::size_t changed_ = 0;
  std::size_t unchanged_ = 0;
  std::size_t failed_ = 0;
};

// The whole of `resnet tag --xmp-remove`; needs no model. Returns an ExitStatus.
int run_xmp_remove(const TagArguments& args);

}  // namespace resnet::cli
