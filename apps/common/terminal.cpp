#include "terminal.hpp"

#include <atomic>
#include <cstdlib>
#include <mutex>

#include <sys/ioctl.h>
#include <unistd.h>

#include <resnet/log.hpp>

namespace resnet::cli {
namespace {

constexpr std::string_view kEraseLine = "\r\033[K";

std::atomic<const char*> g_name{"resnet"};
std::atomic<Verbosity> g_verbosity{Verbosity::normal};
std::mutex g_mutex;         // guards the status line and keeps lines whole
std::string g_status_line;  // what stands on the terminal's last line; empty: nothing

// Standard error failing leaves nobody to tell.
void write_raw(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_line(std::string_view prefix, std::string_view text) {
  const std::lock_guard lock(g_mutex);
  std::string line;
  if (!g_status_line.empty()) line += kEraseLine;
  line += prefix;
  line += text;
  line += '\n';
  line += g_status_line;
  write_raw(line);
}

// "resnet: "
std::string prefix(const char* kind = "") {
  return fmt::format("{}: {}", g_name.load(), kind);
}

// Cuts after `columns` characters of UTF-8.
std::string_view clip(std::string_view text, int columns) {
  std::size_t end = 0;
  while (end < text.size()) {
    const bool starts_character = (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
    if (starts_character && columns-- == 0) break;
    ++end;
  }
  return text.substr(0, end);
}

}  // namespace

void set_program_name(const char* name) {
  g_name = name;
}

void set_verbosity(Verbosity verbosity) {
  g_verbosity = verbosity;
}

bool quiet() {
  return g_verbosity == Verbosity::quiet;
}

void install_log_output() {
  set_log_callback([](LogLevel level, std::string_view message) {
    switch (level) {
      case LogLevel::warning:
        write_line(prefix("warning: "), message);
        return;
      case LogLevel::info:
        if (g_verbosity != Verbosity::quiet) write_line(prefix(), message);
        return;
      case LogLevel::debug:
        if (g_verbosity == Verbosity::verbose) write_line(prefix("debug: "), message);
        return;
    }
  });
}

void report_error(std::string_view message) {
  write_line(prefix(), message);
}

void write_hint(std::string_view line) {
  write_line("", line);
}

void write_note(std::string_view line) {
  if (g_verbosity != Verbosity::quiet) write_line("", line);
}

bool status_line_possible() {
  static const bool terminal = [] {
    const char* type = std::getenv("TERM");
    return isatty(STDERR_FILENO) == 1 && type != nullptr && std::string_view(type) != "dumb";
  }();
  return terminal && g_verbosity != Verbosity::quiet;
}

void set_status_line(std::string_view text) {
  if (!status_line_possible()) return;
  const std::lock_guard lock(g_mutex);
  // The last column stays free: writing into it makes some terminals wrap. New text goes over the old in one
  // write and the rest is erased after it, so that nothing flickers.
  const std::string_view visible = clip(text, terminal_columns() - 1);
  std::string line = "\r";
  line += visible;
  line += "\033[K";
  g_status_line = visible;
  write_raw(line);
}

void clear_status_line() {
  const std::lock_guard lock(g_mutex);
  if (g_status_line.empty()) return;
  g_status_line.clear();
  write_raw(kEraseLine);
}

int terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

std::string printable(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = '?';
  }
  return result;
}

}  // namespace resnet::cli
