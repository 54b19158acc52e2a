#include "core/executable.hpp"

namespace resnet {

void Executable::prepare_pixels(const PixelTable& /*table*/, const Shape& input_shape,
                                Workspace& workspace) const {
  workspace.normalised.resize(static_cast<std::size_t>(input_shape.numel()));
}

void Executable::run_pixels(const std::uint8_t* rgb, const PixelTable& table, const Shape& input_shape,
                            float* output, Workspace& workspace, const Trace* trace) const {
  normalise(table, rgb, static_cast<std::size_t>(input_shape[0]),
            static_cast<std::size_t>(input_shape[2] * input_shape[3]), workspace.normalised.data());
  run(workspace.normalised.data(), input_shape, output, workspace, trace);
}

}  // namespace resnet
