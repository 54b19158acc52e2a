// Running a Session without ceremony.
#pragma once

#include <vector>

#include <resnet/session.hpp>

namespace resnet::test {

inline std::vector<float> run(const Session& session, const std::vector<float>& input, const Shape& shape,
                              const Trace* trace = nullptr) {
  std::vector<float> output(static_cast<std::size_t>(session.output_shape(shape).numel()));
  session.run(input, shape, output, trace);
  return output;
}

}  // namespace resnet::test
