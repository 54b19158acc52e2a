// For the Python tests and for measuring: loads a model and saves it in another format.
//
//   model_tool convert IN FORMAT OUT     one "saved:" line a tensor
//   model_tool random DEPTH CLASSES SEED FORMAT OUT
//   model_tool time IN                   milliseconds of load_model, and the resident set after it
//
// A failure prints "CODE: MESSAGE" on stderr and exits with 1.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace {

using namespace resnet;

void save(const Model& model, const std::string& format, const std::string& out) {
  save_model(model, out, parse_model_format(format),
             [](const std::string& name, const Shape& shape, const std::filesystem::path& file) {
               fmt::print("saved: {}  {} -> {}\n", name, shape.to_string(), file.string());
             });
}

long resident_kib() {
  std::ifstream statm("/proc/self/statm");
  long total = 0, resident = 0;
  statm >> total >> resident;
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

int run(const std::vector<std::string>& args) {
  if (args.size() == 4 && args[0] == "convert") {
    save(load_model(args[1]), args[2], args[3]);
    return 0;
  }
  if (args.size() == 6 && args[0] == "random") {
    save(make_random_model(std::stoi(args[1]), std::stoi(args[2]), std::stoull(args[3])), args[4], args[5]);
    return 0;
  }
  if (args.size() == 2 && args[0] == "time") {
    const auto start = std::chrono::steady_clock::now();
    const Model model = load_model(args[1]);
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    fmt::print("{} {} classes: {:.1f} ms, resident {} KiB\n", model.architecture.name(),
               model.architecture.classes(), taken.count(), resident_kib());
    return 0;
  }
  fmt::print(stderr,
             "usage: model_tool convert IN FORMAT OUT | random DEPTH CLASSES SEED FORMAT OUT | time IN\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const Error& e) {
    fmt::print(stderr, "{}: {}\n", to_string(e.code()), e.what());
    return 1;
  }
}
