#include "fetch/sha256.hpp"

#include "core/mapped_file.hpp"
#include "fetch/loaded_library.hpp"

#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>

#include <resnet/error.hpp>

namespace resnet::fetch {
namespace {

struct Crypto {
  decltype(&::EVP_Digest) digest = nullptr;
  decltype(&::EVP_sha256) sha256 = nullptr;
};

const Crypto& crypto() {
  static const Crypto loaded = [] {
    const LoadedLibrary library({"libcrypto.so.3"}, "libssl3");
    Crypto functions;
    library.find("EVP_Digest", functions.digest);
    library.find("EVP_sha256", functions.sha256);
    return functions;
  }();
  return loaded;
}

}  // namespace

std::string sha256_of_file(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (crypto().digest(file->bytes().data(), file->bytes().size(), digest.data(), &size, crypto().sha256(),
                      nullptr) != 1) {
    throw Error(ErrorCode::internal, "OpenSSL cannot compute a SHA-256");
  }
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace resnet::fetch
