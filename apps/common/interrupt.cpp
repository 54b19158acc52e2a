#include "interrupt.hpp"

#include <csignal>

#include <resnet/error.hpp>

namespace resnet::cli {
namespace {

std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

}  // namespace

const std::atomic<bool>& catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_interrupted = true; };
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
