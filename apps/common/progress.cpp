#include "progress.hpp"

#include "terminal.hpp"
#include "text.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace resnet::cli {
namespace {

constexpr auto kDrawEvery = std::chrono::milliseconds(100);
constexpr std::int64_t kBarColumns = 20;

std::string duration(double seconds) {
  const auto total = static_cast<std::int64_t>(seconds + 0.5);
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

}  // namespace

std::string progress_text(const std::string& verb, const std::string& unit, std::int64_t done,
                          std::int64_t total, double seconds) {
  std::string text = verb + "  ";
  if (total > 0) {
    const std::int64_t filled = std::clamp<std::int64_t>(done * kBarColumns / total, 0, kBarColumns);
    text += fmt::format("[{:#<{}}{:-<{}}]  {} of {} {}", "", filled, "", kBarColumns - filled, grouped(done),
                        grouped(total), unit);
  } else {
    text += fmt::format("{} {}", grouped(done), unit);
  }
  // The first moments say nothing about the speed.
  if (done == 0 || seconds < 0.2) return text;
  const double rate = static_cast<double>(done) / seconds;
  text += fmt::format("  {:.{}f}/s", rate, rate < 100 ? 1 : 0);
  if (total > done) text += fmt::format("  {} left", duration(static_cast<double>(total - done) / rate));
  return text;
}

Progress::Progress(std::string verb, std::string unit, std::int64_t total)
    : verb_(std::move(verb)),
      unit_(std::move(unit)),
      visible_(status_line_possible()),
      start_(Clock::now()),
      total_(total),
      next_draw_(start_ + kDrawEvery) {}

Progress::~Progress() {
  if (visible_) clear_status_line();
}

void Progress::advance(std::int64_t count) {
  done_ += count;
  if (!visible_) return;
  const auto now = Clock::now();
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || now < next_draw_) return;  // another thread is drawing, or it is too early
  next_draw_ = now + kDrawEvery;
  draw(now);
}

void Progress::draw(Clock::time_point now) {
  set_status_line(
      progress_text(verb_, unit_, done_, total_, std::chrono::duration<double>(now - start_).count()));
}

}  // namespace resnet::cli
