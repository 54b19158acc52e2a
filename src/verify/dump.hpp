// Writing our module outputs as a reference directory of their own, file names as PyTorch's.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include <resnet/model.hpp>
#include <resnet/tensor.hpp>

namespace resnet::verify {

class DumpWriter {
 public:
  // Makes the directory where it is not there; files of the names to be written are replaced. made_by goes
  // into reference.json: "resnet.cpp cpu/avx2, fp32". Throws Error{io}.
  DumpWriter(std::filesystem::path directory, const Model& model, std::string made_by);

  void input(const Shape& shape, std::span<const float> values);
  // The output of a module with its other names; after the last block also gap, after the head also
  // probabilities.
  void module(int module, const Shape& shape, std::span<const float> values);
  // Writes reference.json, which makes the directory complete.
  void finish();

 private:
  void write(const std::string& name, const Shape& shape, std::span<const float> values);

  std::filesystem::path directory_;
  const Model& model_;
  std::string made_by_;
  std::map<std::string, Shape> written_;
};

// CRC-32 over the fp32 bytes of all tensors in torchvision's order, eight hexadecimal digits: the same
// weights give the same value whatever file they came from.
std::string crc32_of(const Model& model);

}  // namespace resnet::verify
