#include "fetch/download.hpp"

#include "core/atomic_file.hpp"
#include "fetch/curl_library.hpp"
#include "fetch/sha256.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet::fetch {
namespace {

constexpr int kTries = 5;  // in a row without a byte of progress
constexpr auto kPause = std::chrono::milliseconds(200);
constexpr long kConnectSeconds = 30, kStalledSeconds = 60, kMostRedirects = 5;

// The file that grows. One process at a time: the lock goes with the descriptor.
class PartFile {
 public:
  explicit PartFile(const std::filesystem::path& path) : path_(path) {
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd_ < 0) throw_cannot_create(path, errno);
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd_);
      throw Error(ErrorCode::io, path.string() + ": another process is fetching it; wait for that one");
    }
  }
  ~PartFile() { ::close(fd_); }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  std::int64_t size() const {
    struct stat file {};
    if (::fstat(fd_, &file) != 0) fail();
    return file.st_size;
  }
  void clear() const {
    if (::ftruncate(fd_, 0) != 0) fail();
  }
  void append(const char* bytes, std::size_t count) const {
    while (count > 0) {
      const ssize_t written = ::write(fd_, bytes, count);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail();
      bytes += written;
      count -= static_cast<std::size_t>(written);
    }
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(ErrorCode::io, path_.string() + ": cannot be written: " + std::strerror(errno));
  }

  std::filesystem::path path_;
  int fd_ = -1;
};

// One request and what its callbacks need. libcurl is C: an exception waits in `failure` until it has
// returned.
struct Transfer {
  const CurlLibrary& curl;
  const Download& request;
  const PartFile& file;
  CURL* handle = nullptr;
  std::int64_t begin = 0;  // bytes there before
  bool begun = false;      // the answer's headers were looked at
  std::exception_ptr failure{};

  long status() const {
    long code = 0;
    curl.easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
    return code;
  }
  void begin_body();
};

void Transfer::begin_body() {
  begun = true;
  if (begin > 0 && status() == 200) {  // the server does not send parts
    file.clear();
    begin = 0;
  }
  curl_off_t length = -1;
  curl.easy_getinfo(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  if (length > request.most_bytes - begin) {
    throw Error(ErrorCode::too_large, fmt::format("{}: the server offers {} bytes, which no such file has",
                                                  request.url, begin + static_cast<std::int64_t>(length)));
  }
  std::error_code error;
  const auto space = std::filesystem::space(request.file.parent_path(), error);
  if (!error && length > 0 && static_cast<std::uintmax_t>(length) > space.available) {
    throw Error(ErrorCode::io,
                fmt::format("{}: {} more bytes are needed there and {} are free; make room and try again",
                            request.file.parent_path().string(), length, space.available));
  }
}

std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    if (transfer.status() >= 400) return size * count;  // an error's page, which nobody reads
    if (!transfer.begun) transfer.begin_body();
    if (transfer.file.size() + static_cast<std::int64_t>(size * count) > transfer.request.most_bytes) {
      throw Error(ErrorCode::too_large,
                  transfer.request.url + ": the server sends more bytes than such a file has");
    }
    transfer.file.append(bytes, size * count);
    return size * count;
  } catch (...) {
    transfer.failure = std::current_exception();
    return 0;  // ends the transfer
  }
}

int on_progress(void* user, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
  const auto& transfer = *static_cast<Transfer*>(user);
  const Download& request = transfer.request;
  if (request.cancel != nullptr && *request.cancel) return 1;  // ends the transfer
  if (request.on_progress && transfer.begun) {
    request.on_progress(transfer.begin + now, total > 0 ? transfer.begin + total : 0);
  }
  return 0;
}

// Refusals that trying again does not change are thrown; true: the file is complete.
bool judge(const Transfer& transfer, CURLcode code, const std::string& reason) {
  const std::string& url = transfer.request.url;
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    throw Error(ErrorCode::cancelled, "interrupted; what was fetched is kept: run it again to go on");
  }
  const long status = transfer.status();
  if (status == 404 || status == 410) {
    throw Error(ErrorCode::not_found, fmt::format("{}: the server has no such file ({})", url, status));
  }
  if (status == 416 && transfer.begin > 0) {  // there is nothing behind what we have: not the same file
    transfer.file.clear();
    return false;
  }
  if (status >= 400 && status < 500 && status != 408 && status != 429) {
    throw Error(ErrorCode::io, fmt::format("{}: the server refuses ({})", url, status));
  }
  switch (code) {
    case CURLE_OK:
      return status < 400;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      throw Error(
          ErrorCode::io,
          fmt::format("{}: {}; is there a network? (a proxy is taken from $https_proxy)", url, reason));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_TOO_MANY_REDIRECTS:
      throw Error(ErrorCode::io, fmt::format("{}: {}", url, reason));
    default:
      return false;  // broken off, timed out, a server that is overloaded: once more
  }
}

bool try_once(const Download& request, const PartFile& file, std::string& reason) {
  const CurlLibrary& curl = curl_library();
  const std::unique_ptr<CURL, decltype(curl.easy_cleanup)> handle(curl.easy_init(), curl.easy_cleanup);
  if (!handle) throw Error(ErrorCode::out_of_memory, "libcurl cannot be set up");
  Transfer transfer{
      .curl = curl, .request = request, .file = file, .handle = handle.get(), .begin = file.size()};
  char message[CURL_ERROR_SIZE] = "";
  const auto set = [&](CURLoption option, auto value) { curl.easy_setopt(handle.get(), option, value); };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_USERAGENT, "resnet");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, kMostRedirects);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, kStalledSeconds);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, message);
  const std::string range = fmt::format("{}-", transfer.begin);
  if (transfer.begin > 0) set(CURLOPT_RANGE, range.c_str());
  set(CURLOPT_WRITEFUNCTION, &on_bytes);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&transfer));
  const CURLcode code = curl.easy_perform(handle.get());
  reason = message[0] != '\0' ? message : curl.easy_strerror(code);
  if (code == CURLE_OK) reason = fmt::format("the server answers {}", transfer.status());
  return judge(transfer, code, reason);
}

}  // namespace

void download(const Download& request) {
  if (!request.url.starts_with("http://") && !request.url.starts_with("https://")) {
    throw Error(ErrorCode::invalid_argument,
                request.url + ": is no address of a web server (http://… or https://…)");
  }
  const PartFile file(request.file);
  if (file.size() > request.most_bytes) file.clear();
  std::string reason;
  for (int idle = 0; idle < kTries; ++idle) {
    if (idle > 0) std::this_thread::sleep_for(kPause * (1 << idle));
    const std::int64_t before = file.size();
    if (try_once(request, file, reason)) return;
    if (file.size() > before) idle = -1;
  }
  throw Error(ErrorCode::io, fmt::format("{}: {}; {} bytes are kept: run it again to go on", request.url,
                                         reason, file.size()));
}

bool download_possible() {
  return true;
}

std::string checksum(const std::filesystem::path& file) {
  return sha256_of_file(file);
}

}  // namespace resnet::fetch
