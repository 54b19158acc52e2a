// Times decoding and preprocessing, in turn with another contender: tools/bench_preprocess.py drives it.
//
//   bench_preprocess FILE…      reads the files into memory, then waits
//
// Each line on stdin is a round: every file is decoded and preprocessed once, and two numbers are
// answered, nanoseconds for decoding and nanoseconds for preprocessing, of the whole round.
#include <chrono>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <resnet/image.hpp>
#include <resnet/preprocess.hpp>

namespace {

using Clock = std::chrono::steady_clock;

struct File {
  std::string name;
  std::vector<char> bytes;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<File> files;
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i], std::ios::binary);
    files.push_back({argv[i], std::vector<char>(std::istreambuf_iterator<char>(in), {})});
  }
  const resnet::Preprocess preprocess;
  std::vector<float> chw(std::size_t{3} * 224 * 224);
  for (std::string line; std::getline(std::cin, line);) {
    std::chrono::nanoseconds decode{0};
    std::chrono::nanoseconds rest{0};
    for (const File& file : files) {
      const auto start = Clock::now();
      const resnet::ImageWindow window =
          resnet::decode_window(std::as_bytes(std::span(file.bytes)), file.name, preprocess);
      const auto middle = Clock::now();
      resnet::preprocess_image(window, preprocess, chw.data());
      decode += middle - start;
      rest += Clock::now() - middle;
    }
    std::cout << fmt::format("{} {}\n", decode.count(), rest.count()) << std::flush;
  }
}
