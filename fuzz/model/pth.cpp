// Both kinds of .pth: the zip archive or the legacy pickles, the unpickler, the tensors' bounds. What is
// read is also used: every tensor is made dense, which touches all its bytes. CRC-32 would keep a fuzzer
// out, so an input that starts with "PKL" is read as a bare pickle.
#include "model/pth_reader.hpp"
#include "model/unpickler.hpp"

#include <cstdint>
#include <string_view>

#include <resnet/error.hpp>

namespace {

using namespace resnet;
using namespace resnet::formats;

void use(const RawModel& raw) {
  constexpr std::int64_t kMostElements = 1 << 20;  // as many as the reader lets a tensor expand to
  for (const auto& [name, tensor] : raw.tensors) {
    if (tensor.shape.numel() > kMostElements) continue;
    try {
      to_dense_f32(tensor, name);
    } catch (const Error&) {
    }
    break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FileView file{"fuzz.pth", std::as_bytes(std::span(data, size)), nullptr, false};
  constexpr std::string_view kBarePickle = "PKL";
  try {
    if (as_text(file.bytes).starts_with(kBarePickle)) {
      Pickle(file.bytes.subspan(kBarePickle.size()), file.name);
    } else if (is_legacy_pth(file)) {
      use(read_legacy_pth(file));
    } else {
      use(read_pth(file));
    }
  } catch (const Error&) {
  }
  return 0;
}
