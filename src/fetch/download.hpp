// A file from a web server, in as many requests as it takes.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace resnet::fetch {

struct Download {
  std::string url;              // http:// or https://
  std::filesystem::path file;   // where it goes; what is there already is its beginning
  std::int64_t most_bytes = 0;  // a longer one is refused
  // Bytes there, bytes of the whole (0: not known). May be empty.
  std::function<void(std::int64_t done, std::int64_t total)> on_progress{};
  const std::atomic<bool>* cancel = nullptr;  // stops where it becomes true
};

// Appends to `file` what is missing; begins anew where the server cannot send a part. A connection that
// breaks off is taken up again. What was fetched stays there on every failure, for the next call. Throws
// Error: io (no network, the server refuses, the disk is full, another process downloads the same), not_found
// (404), too_large, cancelled, unsupported (a build or machine without libcurl).
void download(const Download& request);

// False in a build that cannot: download() then throws.
bool download_possible();

// The SHA-256 of what was fetched: sha256.hpp, where downloads are possible.
std::string checksum(const std::filesystem::path& file);

}  // namespace resnet::fetch
