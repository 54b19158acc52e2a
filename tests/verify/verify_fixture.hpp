// A small network with what it computes, dumped as a reference directory.
#pragma once

#include "support/random_values.hpp"
#include "support/temporary_directory.hpp"
#include "verify/dump.hpp"
#include "verify/verifier.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/session.hpp>

namespace resnet::verify {

class VerifyFixture : public testing::Test {
 protected:
  static constexpr int kHeight = 64, kWidth = 72;

  VerifyFixture() {
    const Session session = reference_session(model_);
    const std::vector<float> input = test::random_values(input_shape_.numel(), 21);
    write_reference(session, input, directory_.path());
  }

  static Session reference_session(const Model& model, int begin = 0, int end = -1) {
    SessionOptions options;
    options.backend = "reference";
    options.height = kHeight;
    options.width = kWidth;
    options.begin = begin;
    options.end = end;
    return Session(model, options);
  }

  // What `session` makes of `input`, as a directory.
  void write_reference(const Session& session, const std::vector<float>& input,
                       const std::filesystem::path& directory) const {
    DumpWriter dump(directory, model_, "the reference backend");
    dump.input(input_shape_, input);
    std::vector<float> output(static_cast<std::size_t>(session.output_shape(input_shape_).numel()));
    Trace trace;
    trace.on_module = [&](int module, const Shape& shape, const float* values, double) {
      dump.module(module, shape, {values, static_cast<std::size_t>(shape.numel())});
    };
    session.run(input, input_shape_, output, &trace);
    dump.finish();
  }

  // The reference of the unchanged network.
  ReferenceDirectory reference() const { return ReferenceDirectory(directory_.path()); }

  const Shape input_shape_{2, 3, kHeight, kWidth};
  const Model model_ = make_random_model(18, 10, 77);
  const test::TemporaryDirectory directory_;
};

}  // namespace resnet::verify
