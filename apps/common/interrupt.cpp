#include "interrupt.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet::cli {
namespace {

std::atomic<bool> g_interrupted{false};
std::atomic<const char*> g_message{nullptr};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<const char*>::is_always_lock_free,
              "used in a signal handler");

void on_signal(int) {
  g_interrupted = true;
  const char* message = g_message;
  if (message == nullptr) return;
  const int kept = errno;
  const ssize_t written = write(STDERR_FILENO, message, std::strlen(message));
  static_cast<void>(written);  // where it fails there is nobody to tell
  errno = kept;
}

}  // namespace

const std::atomic<bool>& catch_interrupts(const char* message) {
  g_message = message;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // no SA_RESTART: a read from standard input must return
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  struct sigaction hangup {};
  sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler == SIG_DFL) sigaction(SIGHUP, &action, nullptr);
  return g_interrupted;
}

void stop_if_interrupted() {
  if (g_interrupted) throw Error(ErrorCode::cancelled, "interrupted; nothing was written");
}

}  // namespace resnet::cli
