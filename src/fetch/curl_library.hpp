// libcurl's functions, loaded when they are first needed.
#pragma once

#include <curl/curl.h>

namespace resnet::fetch {

struct CurlLibrary {
  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  CURLcode (*easy_setopt)(CURL*, CURLoption, ...) = nullptr;
  CURLcode (*easy_getinfo)(CURL*, CURLINFO, ...) = nullptr;
  decltype(&::curl_easy_perform) easy_perform = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
};

// Throws Error{unsupported} where libcurl is not installed.
const CurlLibrary& curl_library();

}  // namespace resnet::fetch
