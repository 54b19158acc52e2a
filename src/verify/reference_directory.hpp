// A directory of module outputs with its reference.json: what tools/make_reference.py writes of PyTorch, and
// what `resnet verify --dump` writes of ours.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <resnet/architecture.hpp>
#include <resnet/tensor.hpp>

namespace resnet::verify {

class ReferenceDirectory {
 public:
  // Reads reference.json and checks that every file it names is there with the size of its shape, and that
  // the shapes are those of the architecture for its input. Throws Error naming the file: not_found,
  // bad_format, unsafe (a path that leaves the directory), shape_mismatch.
  explicit ReferenceDirectory(std::filesystem::path directory);

  const std::filesystem::path& path() const noexcept { return directory_; }
  const Architecture& architecture() const noexcept { return architecture_; }
  const std::string& made_by() const noexcept { return made_by_; }      // "PyTorch 1.13.0"
  const std::string& weights_crc32() const noexcept { return crc32_; }  // see crc32_of(); empty: not known
  bool trained() const noexcept { return trained_; }                    // not a seeded random net
  bool has_float64() const noexcept { return float64_; }
  // The photos that the input was made of, in batch order; empty for a random input.
  const std::vector<std::filesystem::path>& images() const noexcept { return images_; }

  bool has(std::string_view name) const { return tensors_.find(name) != tensors_.end(); }
  // Throws Error{not_found} naming what there is.
  const Shape& shape(std::string_view name) const;
  std::vector<float> read(std::string_view name) const;
  std::vector<double> read_float64(std::string_view name) const;

 private:
  struct Entry {
    std::string file;
    Shape shape;
  };
  const Entry& entry(std::string_view name) const;
  void check_shapes() const;

  std::filesystem::path directory_;
  Architecture architecture_{18, 1};
  std::string made_by_;
  std::string crc32_;
  bool trained_ = false;
  bool float64_ = false;
  std::vector<std::filesystem::path> images_;
  std::map<std::string, Entry, std::less<>> tensors_;
};

}  // namespace resnet::verify
