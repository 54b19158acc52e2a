// Photos → network outputs, the one way for every command that works on photos: the list of photos, the
// pipeline, the session with the threads shared out for it, the progress line, Ctrl-C.
#pragma once

#include "common_options.hpp"
#include "pipeline/photo_pipeline.hpp"

#include <cstddef>
#include <functional>
#include <string>

#include <resnet/image.hpp>
#include <resnet/model.hpp>

namespace resnet::cli {

struct PhotoRun {
  const Model& model;
  const PhotoArguments& photos;
  const DecodeArguments& decode;
  const ComputeArguments& compute;
  std::string verb;  // for the progress line: "tagging"
  // Called with each photo as it is listed, before it is decoded; may set `need` and `context`. May be empty.
  std::function<void(PhotoItem&)> prepare{};
  // Called on a worker with each decoded picture; what it returns is the result's `attachment`. May be empty.
  std::function<std::string(const Image&)> on_picture{};
  // Called in order, on the caller's thread, for each photo that succeeded; `output` holds the logits.
  std::function<void(const PhotoResult&)> on_photo;
  // Called in order for each photo that failed, after its error went to standard error. May be empty.
  std::function<void(const PhotoResult&)> on_failure{};
};

// Returns the ExitStatus: kSomeFailed where a photo failed, none was found, or the run was interrupted. The
// last line on standard error sums up what went wrong. Throws UsageError where no photo was named, and what
// the library throws where nothing can be done at all.
int run_photos(const PhotoRun& run);

}  // namespace resnet::cli
