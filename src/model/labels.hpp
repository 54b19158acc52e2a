// Names of classes where a model brings none.
#pragma once

#include <string>
#include <vector>

namespace resnet {

// 1000 classes: ImageNet's names; 80: COCO's; else "class 0", "class 1", …
std::vector<std::string> default_labels(int classes);

}  // namespace resnet
