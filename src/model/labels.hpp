// Names of classes where a model brings none, and their translations.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace resnet {

// 1000 classes: ImageNet's names; 80: COCO's; else "class 0", "class 1", …
std::vector<std::string> default_labels(int classes);

enum class Language { en, ko };
std::string_view to_string(Language language) noexcept;
// "en", "ko". Throws Error{invalid_argument} naming the choices.
Language parse_language(std::string_view name);

// English labels in another language, each by its name and not by its place, so that it does not matter which
// model they are of. Known are COCO's 80 in Korean; a label without a translation stays.
std::vector<std::string> translate_labels(std::vector<std::string> labels, Language language);

}  // namespace resnet
