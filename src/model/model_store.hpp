// Where models lie on this machine.
#pragma once

#include <filesystem>

namespace resnet {

// The folder of find_model's places that is the user's own: $XDG_CACHE_HOME/resnet/models or
// ~/.cache/resnet/models. Empty where neither is known. It need not exist.
std::filesystem::path user_model_directory();

}  // namespace resnet
