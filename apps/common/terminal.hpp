// Standard error: messages for people, and one status line at the bottom that messages do not tear. All
// functions may be called from several threads.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace resnet::cli {

// What stands before messages: "resnet". Set it before the first one; the text is not copied.
void set_program_name(const char* name);

// --quiet drops notes and the status line; --verbose lets the library's debug messages through.
enum class Verbosity { quiet, normal, verbose };
void set_verbosity(Verbosity verbosity);
// --quiet: a command whose result is a file says nothing on success, not on standard output either.
bool quiet();

// Sends the library's log to standard error: warnings always, debug messages with --verbose.
void install_log_output();

// "NAME: MESSAGE". Always shown.
void report_error(std::string_view message);

// A line as it is, also with --quiet: it belongs to an error.
void write_hint(std::string_view line);
template <class... T>
void hint(fmt::format_string<T...> format, T&&... args) {
  write_hint(fmt::format(format, std::forward<T>(args)...));
}

// A line as it is. Not shown with --quiet.
void write_note(std::string_view line);
template <class... T>
void note(fmt::format_string<T...> format, T&&... args) {
  write_note(fmt::format(format, std::forward<T>(args)...));
}

// True where a status line makes sense: standard error is a terminal that can move the cursor, and not
// --quiet.
bool status_line_possible();
// Replaces the status line. `text` is one line; what is wider than the terminal is cut off.
void set_status_line(std::string_view text);
void clear_status_line();

// Columns of the terminal on standard error, 80 where there is none.
int terminal_columns();

// `text` for a terminal: control characters, which could move the cursor, become '?'; bytes that are not
// UTF-8 stay.
std::string printable(std::string_view text);

}  // namespace resnet::cli
