#include "fetch/curl_library.hpp"

#include "fetch/loaded_library.hpp"

namespace resnet::fetch {
namespace {

CurlLibrary load() {
  // The second is Debian's name for the one with another TLS library; both have the same functions.
  const LoadedLibrary library({"libcurl.so.4", "libcurl-gnutls.so.4"}, "libcurl4");
  CurlLibrary curl;
  library.find("curl_global_init", curl.global_init);
  library.find("curl_easy_init", curl.easy_init);
  library.find("curl_easy_cleanup", curl.easy_cleanup);
  library.find("curl_easy_setopt", curl.easy_setopt);
  library.find("curl_easy_getinfo", curl.easy_getinfo);
  library.find("curl_easy_perform", curl.easy_perform);
  library.find("curl_easy_strerror", curl.easy_strerror);
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    throw Error(ErrorCode::internal, "libcurl cannot be set up");
  }
  return curl;
}

}  // namespace

const CurlLibrary& curl_library() {
  static const CurlLibrary curl = load();
  return curl;
}

}  // namespace resnet::fetch
