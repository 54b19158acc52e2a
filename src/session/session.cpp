#include "core/counted.hpp"
#include "core/log.hpp"
#include "session/backend_table.hpp"
#include "session/device_executable.hpp"
#include "session/options.hpp"
#include "session/workspace_pool.hpp"

#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet {

struct Session::Impl {
  Impl(const Model& model, const Backend& backend, SessionOptions resolved)
      : architecture(model.architecture),
        options(std::move(resolved)),
        pixels(pixel_table(model.preprocess.mean, model.preprocess.std)),
        executable(compile_on_devices(model, backend, options)) {}

  Shape output_shape(const Shape& input) const {
    const Shape output = architecture.output_shape_from(options.begin, options.end - 1, input);
    // A network input has a smallest size, below which the last feature maps vanish.
    if (options.begin == 0) return architecture.output_shape(options.end - 1, input[0], input[2], input[3]);
    return output;
  }

  // What a call gives must fit the shape that it names. The elements of its output.
  std::int64_t check_sizes(std::size_t input, const Shape& input_shape, std::size_t output) const {
    const std::optional<std::int64_t> known = workspaces.output_count(input_shape);
    const std::int64_t output_count = known ? *known : output_shape(input_shape).numel();
    if (static_cast<std::int64_t>(input) != input_shape.numel()) {
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("input of shape {} has {} values, not {}", input_shape.to_string(),
                              input_shape.numel(), input));
    }
    if (static_cast<std::int64_t>(output) != output_count) {
      throw Error(
          ErrorCode::shape_mismatch,
          fmt::format("the output for input {} is {}: {} values, but there is room for {}",
                      input_shape.to_string(), output_shape(input_shape).to_string(), output_count, output));
    }
    return output_count;
  }

  void check_pixels() const {
    if (options.begin == 0) return;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("pixels are the input of module 0, and this session begins at module {}: give it "
                            "the activations to run()",
                            options.begin));
  }

  void prepare_pixels(const Shape& input_shape, Workspace& workspace) {
    try {
      executable->prepare_pixels(pixels, input_shape, workspace);
      return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::out_of_memory || !workspaces.drop_others(input_shape)) throw;
    }
    executable->prepare_pixels(pixels, input_shape, workspace);
  }

  Architecture architecture;
  SessionOptions options;
  PixelTable pixels;
  std::unique_ptr<Executable> executable;
  WorkspacePool workspaces;
};

Session::Session(const Model& model, SessionOptions options) {
  if (!options.precision) options.precision = model.precision;
  if ((*options.precision == Precision::int8) != (model.precision == Precision::int8)) {
    throw Error(ErrorCode::unsupported,
                model.precision == Precision::int8
                    ? fmt::format("the model is quantised; it computes in int8, not in {}",
                                  to_string(*options.precision))
                    : std::string("int8 needs a quantised model: `resnet quantize` makes one"));
  }
  const Backend& backend = choose_backend(options, *options.precision);
  SessionOptions resolved = resolve_options(model, std::move(options), backend);
  const Shape input = model.architecture.output_shape(resolved.begin - 1, resolved.max_batch, resolved.height,
                                                      resolved.width);
  impl_ = std::make_unique<Impl>(model, backend, std::move(resolved));
  impl_->workspaces.lend(*impl_->executable, input, impl_->output_shape(input).numel());
  const SessionOptions& o = impl_->options;
  log(LogLevel::debug,
      fmt::format("session: {} modules {}:{} on {}{}{}, {}, plan {}, {}", model.architecture.name(), o.begin,
                  o.end, o.backend, o.isa.empty() ? "" : "/", o.isa, to_string(*o.precision),
                  to_string(o.plan), counted(o.threads, "thread")));
}

Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

void Session::run(std::span<const float> input, const Shape& input_shape, std::span<float> output,
                  const Trace* trace) const {
  const std::int64_t output_count = impl_->check_sizes(input.size(), input_shape, output.size());
  const WorkspacePool::Lease workspace =
      impl_->workspaces.lend(*impl_->executable, input_shape, output_count);
  impl_->executable->run(input.data(), input_shape, output.data(), *workspace, trace);
}

void Session::run_pixels(std::span<const std::uint8_t> rgb, const Shape& input_shape, std::span<float> output,
                         const Trace* trace) const {
  impl_->check_pixels();
  const std::int64_t output_count = impl_->check_sizes(rgb.size(), input_shape, output.size());
  const WorkspacePool::Lease workspace =
      impl_->workspaces.lend(*impl_->executable, input_shape, output_count);
  impl_->prepare_pixels(input_shape, *workspace);
  impl_->executable->run_pixels(rgb.data(), impl_->pixels, input_shape, output.data(), *workspace, trace);
}

void Session::reserve_pixels(const Shape& input_shape, int runs) const {
  impl_->check_pixels();
  if (runs < 1) return;
  const WorkspacePool::Lease workspace =
      impl_->workspaces.lend(*impl_->executable, input_shape, impl_->output_shape(input_shape).numel());
  impl_->prepare_pixels(input_shape, *workspace);
  reserve_pixels(input_shape, runs - 1);  // the others while this one is not free
}

std::optional<double> Session::device_ms(const Shape& input_shape) const {
  const WorkspacePool::Lease workspace =
      impl_->workspaces.lend(*impl_->executable, input_shape, impl_->output_shape(input_shape).numel());
  return impl_->executable->device_ms(*workspace);
}

Shape Session::output_shape(const Shape& input_shape) const {
  return impl_->output_shape(input_shape);
}
const Architecture& Session::architecture() const noexcept {
  return impl_->architecture;
}
const SessionOptions& Session::options() const noexcept {
  return impl_->options;
}
std::string_view Session::backend() const noexcept {
  return impl_->options.backend;
}
std::string_view Session::isa() const noexcept {
  return impl_->options.isa;
}
int Session::threads() const noexcept {
  return impl_->options.threads;
}

}  // namespace resnet
