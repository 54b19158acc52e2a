// Writes a small run as event files: write_events DIRECTORY PICTURE. events_test.py knows what must be in
// them; PICTURE is a file of 2x1 pixels.
#include "train/log/event_file.hpp"

#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

using resnet::train::EventFile;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::ifstream picture(argv[2], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(picture), {}};
  {
    EventFile first(argv[1]);
    for (int step = 1; step <= 5; ++step) first.add_scalar("train/loss", step, 1.0 / step);
    first.add_scalar("train/loss", 6, std::numeric_limits<double>::quiet_NaN());
  }
  EventFile second(argv[1], 4);  // resumed after step 3
  for (int step = 4; step <= 6; ++step) second.add_scalar("train/loss", step, 10.0 * step);
  second.add_scalar("train/learning_rate", std::int64_t{1} << 40, 0.1);
  const std::vector<float> weights{-1.0f, -0.5f, 0.0f, 0.5f, 1.0f};
  second.add_histogram("weights/conv1", 6, resnet::train::make_histogram(weights, 4));
  second.add_image("photos/0 dog", 6, {.file = bytes, .width = 2, .height = 1}, "dog, *person*");
  second.add_text("photos/0", 6, "dog 0.93, 사람 0.5");
  return 0;
}
