// libcurl is loaded and not linked: it brings some thirty libraries with it (TLS, Kerberos, LDAP, …), which
// every other command of the program would load at its start for nothing.
#include "fetch/curl_library.hpp"

#include <dlfcn.h>

#include <resnet/error.hpp>

namespace resnet::fetch {
namespace {

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr)
    throw Error(ErrorCode::unsupported, std::string("libcurl has no function ") + name);
}

CurlLibrary load() {
  void* library = nullptr;
  // The second is Debian's name for the one with another TLS library; both have the same functions.
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"}) {
    if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) {
    throw Error(ErrorCode::unsupported,
                "fetching needs libcurl, which is not installed (Debian and Ubuntu: libcurl4)");
  }
  CurlLibrary curl;
  find(library, "curl_global_init", curl.global_init);
  find(library, "curl_easy_init", curl.easy_init);
  find(library, "curl_easy_cleanup", curl.easy_cleanup);
  find(library, "curl_easy_setopt", curl.easy_setopt);
  find(library, "curl_easy_getinfo", curl.easy_getinfo);
  find(library, "curl_easy_perform", curl.easy_perform);
  find(library, "curl_easy_strerror", curl.easy_strerror);
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
