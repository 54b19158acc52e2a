// Names of what is compared: the modules, and the classic checkpoints that are other names of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <resnet/architecture.hpp>

namespace resnet::verify {

// Modules [begin, end).
struct ModuleRange {
  int begin, end;
};

// stem, layer1 … layer4, head, or e2e (all). Throws Error{invalid_argument} naming the choices.
ModuleRange step_range(const Architecture& architecture, std::string_view step);

// "a:b", "a:" or ":b", each a module's number or name; b is the first module not included. Throws
// Error{invalid_argument, not_found}.
ModuleRange parse_modules(const Architecture& architecture, std::string_view text);

// Other names of a module's output: maxpool is also "stem_pool", the last block of layer2 "layer2", head
// "logits".
std::vector<std::string> aliases(const Architecture& architecture, int module);

// Every name that a reference directory may hold, in the order in which data takes its way.
std::vector<std::string> checkpoint_names(const Architecture& architecture);

}  // namespace resnet::verify
