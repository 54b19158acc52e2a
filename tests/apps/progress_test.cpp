#include "progress.hpp"

#include "terminal.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace resnet::cli {
namespace {

TEST(Progress, SaysCountRateAndTimeLeft) {
  EXPECT_EQ(progress_text("tagging", "photos", 1500, 6000, 30),
            "tagging  [#####---------------]  1,500 of 6,000 photos  50.0/s  1:30 left");
  EXPECT_EQ(progress_text("tagging", "photos", 1000, 1'000'000, 10),
            "tagging  [--------------------]  1,000 of 1,000,000 photos  100/s  2:46:30 left");
}

TEST(Progress, WithoutATotal) {
  EXPECT_EQ(progress_text("tagging", "photos", 12, 0, 4), "tagging  12 photos  3.0/s");
}

TEST(Progress, SaysNoRateAtTheBeginning) {
  EXPECT_EQ(progress_text("tagging", "photos", 0, 0, 5), "tagging  0 photos");
  EXPECT_EQ(progress_text("tagging", "photos", 1, 4, 0.01), "tagging  [#####---------------]  1 of 4 photos");
}

TEST(Progress, MoreThanTheTotalStaysInTheBar) {
  EXPECT_EQ(progress_text("x", "y", 5, 4, 1), "x  [####################]  5 of 4 y  5.0/s");
}

TEST(Progress, AdvancesFromManyThreads) {
  Progress progress("testing", "steps", 4000);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int step = 0; step < 1000; ++step) progress.advance();
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Terminal, PrintableKeepsTextAndDropsControls) {
  EXPECT_EQ(printable("a\033[2Jb\nc\x7F"), "a?[2Jb?c?");
  EXPECT_EQ(printable("\xC3\xA9\xFF"), "\xC3\xA9\xFF");
}

}  // namespace
}  // namespace resnet::cli
