// In place of download.cpp in a static program, and where libcurl's or OpenSSL's headers were missing.
#include "fetch/download.hpp"

#include <resnet/error.hpp>

namespace resnet::fetch {
namespace {

[[noreturn]] void refuse() {
  throw Error(ErrorCode::unsupported,
              "this build cannot fetch: it is the static program, or was made without libcurl4-openssl-dev "
              "and libssl-dev");
}

}  // namespace

void download(const Download&) {
  refuse();
}

bool download_possible() {
  return false;
}

std::string checksum(const std::filesystem::path&) {
  refuse();
}

}  // namespace resnet::fetch
