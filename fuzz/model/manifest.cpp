// manifest.json, beside a folder of small tensor files that it may name (a.bin of one value, b.bin of six).
#include "model/manifest.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <resnet/error.hpp>

namespace {

namespace fs = std::filesystem;

// Made once; removed when the fuzzer ends.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("resnet_fuzz_manifest_" + std::to_string(getpid()))) {
    fs::create_directories(path_ / "sub");
    std::ofstream(path_ / "a.bin") << std::string(4, 'a');
    std::ofstream(path_ / "b.bin") << std::string(24, 'b');
    std::ofstream(path_ / "sub" / "a.bin") << std::string(4, 'a');
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  fs::path manifest() const { return path_ / "manifest.json"; }

 private:
  fs::path path_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resnet;
  using namespace resnet::formats;
  static const Folder folder;
  const FileView file{folder.manifest().string(), std::as_bytes(std::span(data, size)), nullptr, false};
  if (!is_manifest(file)) return 0;
  try {
    for (const auto& [name, tensor] : read_manifest(file).tensors) to_dense(tensor, tensor.dtype, name);
  } catch (const Error&) {
  }
  return 0;
}
