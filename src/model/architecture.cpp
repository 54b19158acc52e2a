#include <array>

#include <fmt/format.h>

#include <resnet/architecture.hpp>
#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr int kStemChannels = 64;
constexpr int kMinInputSide = 32;

struct Layout {
  std::array<int, 4> blocks;  // in layer1 … layer4
  bool bottleneck;
};

Layout layout_of(int depth) {
  switch (depth) {
    case 18:
      return {{2, 2, 2, 2}, false};
    case 34:
      return {{3, 4, 6, 3}, false};
    case 50:
      return {{3, 4, 6, 3}, true};
    default:
      throw Error(ErrorCode::invalid_argument, fmt::format("ResNet-{} is not one of 18, 34, 50", depth));
  }
}

// Output side of a convolution or pooling of this kernel, stride and padding.
constexpr std::int64_t out_side(std::int64_t in, int kernel, int stride, int padding) {
  return (in + 2 * padding - kernel) / stride + 1;
}

void add_batch_norm(std::vector<TensorSpec>& tensors, const std::string& bn, std::int64_t channels) {
  tensors.push_back({bn + ".weight", Shape{channels}, TensorKind::bn_param});
  tensors.push_back({bn + ".bias", Shape{channels}, TensorKind::bn_param});
  tensors.push_back({bn + ".running_mean", Shape{channels}, TensorKind::bn_buffer});
  tensors.push_back({bn + ".running_var", Shape{channels}, TensorKind::bn_buffer});
}

}  // namespace

std::string_view to_string(TensorKind kind) noexcept {
  switch (kind) {
    case TensorKind::conv_weight:
      return "conv_weight";
    case TensorKind::bn_param:
      return "bn_param";
    case TensorKind::bn_buffer:
      return "bn_buffer";
    case TensorKind::fc_weight:
      return "fc_weight";
    case TensorKind::fc_bias:
      return "fc_bias";
    case TensorKind::quant_param:
      return "quant_param";
    case TensorKind::quant_scale:
      return "quant_scale";
  }
  return "?";
}

Architecture::Architecture(int depth, int classes) : depth_(depth), classes_(classes) {
  const Layout layout = layout_of(depth);
  if (classes < 1)
    throw Error(ErrorCode::invalid_argument, fmt::format("{} classes: give at least 1", classes));
  const int expansion = layout.bottleneck ? 4 : 1;

  modules_.push_back({ModuleKind::conv1, "conv1", 3, 0, kStemChannels, 2, false});
  modules_.push_back({ModuleKind::bn1, "bn1", kStemChannels, 0, kStemChannels, 1, false});
  modules_.push_back({ModuleKind::relu, "relu", kStemChannels, 0, kStemChannels, 1, false});
  modules_.push_back({ModuleKind::maxpool, "maxpool", kStemChannels, 0, kStemChannels, 2, false});
  int channels = kStemChannels;
  for (int layer = 0; layer < 4; ++layer) {
    const int mid = kStemChannels << layer;
    for (int block = 0; block < layout.blocks[static_cast<std::size_t>(layer)]; ++block) {
      const int stride = layer > 0 && block == 0 ? 2 : 1;
      const int out = mid * expansion;
      modules_.push_back({layout.bottleneck ? ModuleKind::bottleneck : ModuleKind::basic_block,
                          fmt::format("layer{}.{}", layer + 1, block), channels, mid, out, stride,
                          stride != 1 || channels != out});
      channels = out;
    }
  }
  modules_.push_back({ModuleKind::head, "head", channels, 0, classes, 1, false});

  for (int m = 0; m < module_count(); ++m) {
    for (const ConvSpec& c : convolutions(m)) {
      tensors_.push_back({c.conv + ".weight", Shape{c.out_channels, c.in_channels, c.kernel, c.kernel},
                          TensorKind::conv_weight});
      add_batch_norm(tensors_, c.bn, c.out_channels);
    }
  }
  tensors_.push_back({"fc.weight", Shape{classes, channels}, TensorKind::fc_weight});
  tensors_.push_back({"fc.bias", Shape{classes}, TensorKind::fc_bias});
}

int Architecture::module_index(std::string_view name) const {
  std::string names;
  for (int m = 0; m < module_count(); ++m) {
    if (modules_[m].name == name) return m;
    names += (m ? ", " : "") + modules_[m].name;
  }
  throw Error(ErrorCode::not_found,
              fmt::format("{} has no module '{}'; it has {}", this->name(), name, names));
}

std::vector<ConvSpec> Architecture::convolutions(int module) const {
  const Module& m = modules_.at(module);
  const std::string& n = m.name;
  std::vector<ConvSpec> convs;
  switch (m.kind) {
    case ModuleKind::conv1:
      convs.push_back({"conv1", "bn1", m.in_channels, m.out_channels, 7, 2, 3});
      break;
    case ModuleKind::basic_block:
      convs.push_back({n + ".conv1", n + ".bn1", m.in_channels, m.mid_channels, 3, m.stride, 1});
      convs.push_back({n + ".conv2", n + ".bn2", m.mid_channels, m.out_channels, 3, 1, 1});
      break;
    case ModuleKind::bottleneck:
      convs.push_back({n + ".conv1", n + ".bn1", m.in_channels, m.mid_channels, 1, 1, 0});
      convs.push_back({n + ".conv2", n + ".bn2", m.mid_channels, m.mid_channels, 3, m.stride, 1});
      convs.push_back({n + ".conv3", n + ".bn3", m.mid_channels, m.out_channels, 1, 1, 0});
      break;
    default:
      break;
  }
  if (m.downsample) {
    convs.push_back(
        {n + ".downsample.0", n + ".downsample.1", m.in_channels, m.out_channels, 1, m.stride, 0});
  }
  return convs;
}

Shape Architecture::output_shape(int module, std::int64_t n, std::int64_t h, std::int64_t w) const {
  if (n < 1 || h < kMinInputSide || w < kMinInputSide) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("input {}x{} (batch {}): a ResNet needs at least {} pixels a side and one image",
                            h, w, n, kMinInputSide));
  }
  return output_shape_from(0, module, Shape{n, 3, h, w});
}

Shape Architecture::output_shape_from(int begin, int module, const Shape& input) const {
  if (begin < 0 || begin >= module_count() || module < begin - 1 || module >= module_count()) {
    throw Error(ErrorCode::invalid_argument, fmt::format("modules {}..{} are not a range of {}'s 0..{}",
                                                         begin, module, name(), module_count() - 1));
  }
  const int channels = modules_[begin].in_channels;
  if (input.rank() != 4 || input[0] < 1 || input[1] != channels || input[2] < 1 || input[3] < 1) {
    throw Error(ErrorCode::shape_mismatch, fmt::format("module {} takes [N, {}, H, W], not {}",
                                                       modules_[begin].name, channels, input.to_string()));
  }
  std::int64_t n = input[0], h = input[2], w = input[3];
  Shape shape = input;
  for (int m = begin; m <= module; ++m) {
    const Module& mod = modules_[m];
    if (mod.kind == ModuleKind::head) return Shape{n, mod.out_channels};
    if (mod.kind == ModuleKind::conv1) {
      h = out_side(h, 7, 2, 3), w = out_side(w, 7, 2, 3);
    } else if (mod.stride == 2) {  // maxpool 3x3, 3x3 convolution with padding 1, or 1x1: all round the same
      h = out_side(h, 3, 2, 1), w = out_side(w, 3, 2, 1);
    }
    shape = Shape{n, mod.out_channels, h, w};
  }
  return shape;
}

std::int64_t Architecture::macs(int module, std::int64_t h, std::int64_t w) const {
  const Module& m = modules_.at(module);
  if (m.kind == ModuleKind::head) return static_cast<std::int64_t>(m.in_channels) * m.out_channels;
  const Shape in = output_shape(module - 1, 1, h, w);
  std::int64_t total = 0;
  std::int64_t ch = in[2], cw = in[3];
  for (const ConvSpec& c : convolutions(module)) {
    const bool shortcut = c.conv.ends_with("downsample.0");
    const std::int64_t ih = shortcut ? in[2] : ch, iw = shortcut ? in[3] : cw;
    const std::int64_t oh = out_side(ih, c.kernel, c.stride, c.padding);
    const std::int64_t ow = out_side(iw, c.kernel, c.stride, c.padding);
    total += oh * ow * c.out_channels * c.in_channels * c.kernel * c.kernel;
    if (!shortcut) ch = oh, cw = ow;
  }
  return total;
}

std::int64_t Architecture::parameters() const {
  std::int64_t total = 0;
  for (const TensorSpec& t : tensors_) {
    if (t.kind != TensorKind::bn_buffer) total += t.shape.numel();
  }
  return total;
}

}  // namespace resnet
