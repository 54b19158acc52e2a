// What goes into the photo pipeline: one picture to work on, or the reason why there is none.
#pragma once

#include <any>
#include <filesystem>
#include <functional>
#include <optional>

#include <resnet/error.hpp>

namespace resnet {

enum class PhotoNeed {
  nothing,  // pass it through in its place: the caller has the answer already
  picture,  // decode it (for a thumbnail), but do not run the network
  answer,   // decode, preprocess, run the network
};

struct PhotoItem {
  std::filesystem::path path;  // bytes as the system gave them; not necessarily UTF-8
  std::optional<Error> error;  // set: this path could not even be listed, and is passed on as failed
  PhotoNeed need = PhotoNeed::answer;
  std::any context;  // whatever the caller wants to find again in the result
};

// Gives the next photo, or nothing at the end. Called from one thread at a time; may block.
using PhotoSource = std::function<std::optional<PhotoItem>()>;

}  // namespace resnet
