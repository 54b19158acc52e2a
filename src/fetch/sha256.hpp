#pragma once

#include <filesystem>
#include <string>

namespace resnet::fetch {

// The SHA-256 of a file's bytes as 64 lower-case hexadecimal digits. Throws Error: io, not_found, unsupported
// (no OpenSSL on this machine).
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace resnet::fetch
