// A ResNet on the ordinary fp32 units, with the kernels of one rung.
#pragma once

#include "cuda/memory.hpp"
#include "ladder/prediction.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <resnet/model.hpp>

namespace resnet::ladder {

// Which kernels a rung has. Each rung is the one before with one field changed.
struct Kernels {
  Product product = Product::tiled;
  bool winograd = false;  // for the 3x3 convolutions of stride 1
  bool fused = false;     // BatchNorm, shortcut and ReLU in the convolution's epilogue
};

// A convolution and the BatchNorm behind it, on the device.
struct ConvWeights {
  ConvSpec spec;
  cuda::DeviceBuffer<float> weight;  // in the order of the kernel that reads it
  cuda::DeviceBuffer<float> gamma, beta, mean, var;
  cuda::DeviceBuffer<float> scale, shift;  // the four as a straight line
};

struct Weights {
  Weights(const Model& model, const Kernels& kernels);

  Architecture architecture;
  Kernels kernels;
  std::vector<std::vector<ConvWeights>> modules;  // as Architecture::convolutions
  cuda::DeviceBuffer<float> fc_weight, fc_bias;
};

// Buffers for what the layers leave.
class Memory {
 public:
  // `reuse`: what was given back is handed out again. Without, every layer has memory of its own.
  explicit Memory(bool reuse) : reuse_(reuse) {}

  float* take(std::int64_t count);
  void give_back(const float* buffer);
  std::size_t bytes() const;
  int buffers() const { return static_cast<int>(blocks_.size()); }

 private:
  struct Block {
    cuda::DeviceBuffer<float> buffer;
    bool taken;
  };
  bool reuse_;
  std::vector<Block> blocks_;
};

// What a launch is for.
enum class Kind { columns, product, transform, elementwise, rest };
constexpr int kKinds = 5;

struct Launch {
  Kind kind;
  double predicted_ms;
  std::function<void(cudaStream_t)> run;
};

// A run for one input shape: its memory, and its launches in order.
class Network {
 public:
  // `weights` must outlive it. input: [n, 3, h, w]. `gpu` is what its time is foretold for.
  Network(const Weights& weights, const Shape& input, const Gpu& gpu, bool reuse = true);

  void launch(cudaStream_t stream) const;

  float* input() const { return input_; }          // NCHW
  const float* output() const { return output_; }  // [n, classes]
  std::size_t input_bytes() const { return input_bytes_; }
  std::size_t output_bytes() const { return output_bytes_; }
  const Memory& memory() const { return memory_; }
  const std::vector<Launch>& launches() const { return launches_; }
  double predicted_ms() const;

 private:
  struct Activation {
    const float* values;
    int n, c, h, w;
    std::int64_t count() const { return std::int64_t{n} * c * h * w; }
  };
  struct Finish {
    const float* residual;
    bool relu;
  };

  void add_launch(Kind kind, double seconds, std::function<void(cudaStream_t)> run);
  // A launch whose time is that of so many values read or written.
  void add_simple(Kind kind, std::int64_t values, std::function<void(cudaStream_t)> run);

  Activation convolution(const ConvWeights& conv, const Activation& in, const Finish& finish);
  void product(const ConvWeights& conv, const Conv2dParams& params, const Activation& in, float* out,
               const Epilogue& epilogue);
  void winograd(const ConvWeights& conv, const Conv2dParams& params, const Activation& in, float* out,
                const Epilogue& epilogue);
  void finish_unfused(const ConvWeights& conv, const Activation& out, float* values, const Finish& finish);
  Activation block(const std::vector<ConvWeights>& path, bool downsample, const Activation& in);
  Activation max_pool(const Activation& in);
  void head(const Activation& in);

  const Weights& weights_;
  Gpu gpu_;
  Memory memory_;
  std::vector<Launch> launches_;
  float* input_ = nullptr;
  float* output_ = nullptr;
  std::size_t input_bytes_ = 0, output_bytes_ = 0;
};

}  // namespace resnet::ladder
