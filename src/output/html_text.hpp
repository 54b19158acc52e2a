// Untrusted text (file names, labels, messages) for HTML.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace resnet {

// For element content and quoted attributes: < > & " ' are escaped; bytes that are no UTF-8, and control
// characters, become U+FFFD.
std::string html_escape(std::string_view text);

// A link from a page in `directory` to `file`, percent-encoded byte by byte, so that names that are no
// UTF-8 and names that look like "javascript:..." are only ever names.
std::string html_link(const std::filesystem::path& file, const std::filesystem::path& directory);

std::string base64(std::string_view bytes);

}  // namespace resnet
