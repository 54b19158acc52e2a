// A shared library that is loaded when it is first needed, and not linked: libcurl and OpenSSL's libcrypto
// bring some thirty others (TLS, Kerberos, LDAP, …), which every other command of the program would load at
// its start for nothing.
#pragma once

#include <initializer_list>
#include <string>

#include <dlfcn.h>

#include <resnet/error.hpp>

namespace resnet::fetch {

class LoadedLibrary {
 public:
  // The first of `names` that there is; it stays loaded. Throws Error{unsupported} naming the package to
  // install.
  LoadedLibrary(std::initializer_list<const char*> names, const char* package) {
    for (const char* name : names) {
      if (handle_ == nullptr) handle_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
    if (handle_ == nullptr) {
      throw Error(ErrorCode::unsupported, std::string("fetching needs ") + *names.begin() +
                                              ", which is not installed (Debian and Ubuntu: " + package +
                                              ")");
    }
  }

  // Throws Error{unsupported} where the library has no such function.
  template <class Function>
  void find(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(dlsym(handle_, name));
    if (function == nullptr) {
      throw Error(ErrorCode::unsupported, std::string("a library here has no function ") + name);
    }
  }

 private:
  void* handle_ = nullptr;
};

}  // namespace resnet::fetch
