// Memory, streams and errors of the device.
#include "cuda/memory.hpp"

#include "cuda/check.hpp"
#include "cuda/stream.hpp"
#include "support/gpu.hpp"
#include "support/random_values.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::cuda {
namespace {

TEST(Memory, IsMovedAndCopied) {
  RESNET_REQUIRE_GPU();
  const std::vector<float> values = test::random_values(1000, 1);
  DeviceBuffer<float> a = upload<float>(values);
  DeviceBuffer<float> b = std::move(a);
  EXPECT_EQ(a.data(), nullptr);
  EXPECT_EQ(b.size(), values.size());
  a = DeviceBuffer<float>(10);
  a = std::move(b);
  PinnedBuffer<float> back(values.size());
  const Stream stream;
  copy_bytes(back.data(), a.data(), a.bytes(), stream.get());
  stream.synchronize();
  EXPECT_EQ(std::vector<float>(back.data(), back.data() + back.size()), values);
  EXPECT_EQ(DeviceBuffer<float>(0).data(), nullptr);
}

TEST(Memory, TooMuchSaysHowMuchAndWhatToDo) {
  RESNET_REQUIRE_GPU();
  try {
    DeviceBuffer<char> buffer(std::size_t{1} << 45);
    FAIL() << "32 TiB were given";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::out_of_memory);
    for (const char* part : {"32768.00 GiB", "free", "--batch", "memory needs"})
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
  EXPECT_NO_THROW(DeviceBuffer<char>(1024)) << "the error before stuck";
}

TEST(Check, NamesExpressionPlaceAndRemedyOfARealError) {
  RESNET_REQUIRE_GPU();
  try {
    RESNET_CUDA_CHECK(cudaSetDevice(1000));
    FAIL() << "device 1000 was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::device_unavailable);
    for (const char* part : {"cudaSetDevice(1000)", "cudaErrorInvalidDevice", "resnet doctor"})
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.file()).find("memory_test.cpp"), std::string::npos);
  }
  EXPECT_NO_THROW(check_launch("nothing")) << "the error before stuck";
}

TEST(Events, MeasureTimeInTheStream) {
  RESNET_REQUIRE_GPU();
  const Stream stream;
  const Event begin, end;
  const DeviceBuffer<float> from = upload<float>(test::random_values(std::size_t{1} << 20, 2));
  DeviceBuffer<float> to(from.size());
  begin.record(stream.get());
  copy_bytes(to.data(), from.data(), from.bytes(), stream.get());
  end.record(stream.get());
  end.synchronize();
  EXPECT_GT(end.ms_since(begin), 0.0);
  EXPECT_LT(end.ms_since(begin), 1000.0);
}

}  // namespace
}  // namespace resnet::cuda
