// The table that lists backends is the one that dispatches.
#include "session/backend_table.hpp"

#include "quant/quantize.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

TEST(BackendTable, EveryAvailableRowRunsWhatItLists) {
  const Model model = make_random_model(18, 3, 5);
  const std::vector<float> picture(std::size_t{3} * 32 * 32, 0.5f);
  const Model quantized = quant::quantize(model,
                                          [&](const auto& visit) {
                                            visit(picture, Shape{1, 3, 32, 32});
                                          },
                                          {})
                              .model;
  for (const BackendInfo& info : backends()) {
    EXPECT_FALSE(info.detail.empty()) << info.name;
    if (!info.available) continue;
    for (const Precision precision : info.precisions) {
      SessionOptions o;
      o.backend = info.name;
      o.device = info.device;
      o.precision = precision;
      o.height = o.width = 32;
      EXPECT_EQ(Session(precision == Precision::int8 ? quantized : model, o).backend(), info.name);
    }
  }
}

TEST(BackendTable, AutoTakesTheFirstAvailable) {
  const auto table = backend_table();
  const auto first = std::find_if(table.begin(), table.end(), [](const Backend& b) {
    return b.available() && b.supports(Precision::fp32);
  });
  ASSERT_NE(first, table.end());
  EXPECT_EQ(choose_backend({}, Precision::fp32).name, first->name);
  SessionOptions cpu;
  cpu.device = "cpu";
  EXPECT_EQ(choose_backend(cpu, Precision::fp32).device, "cpu");
}

TEST(BackendTable, TheOracleIsAlwaysThere) {
  SessionOptions o;
  o.backend = "reference";
  EXPECT_EQ(choose_backend(o, Precision::fp32).name, "reference");
}

TEST(BackendTable, ABackendOnTheWrongDeviceIsRefused) {
  SessionOptions o;
  o.backend = "reference";
  o.device = "cuda";
  EXPECT_THROW(choose_backend(o, Precision::fp32), Error);
}

TEST(InstructionSets, EachCanBeAskedForAndIsTheOneThatRuns) {
  const Model model = make_random_model(18, 3, 5);
  for (const Backend& b : backend_table()) {
    if (!b.available() || b.isas == nullptr) continue;
    SessionOptions o;
    o.backend = b.name;
    o.height = o.width = 32;
    const bool gpu = b.device == "cuda";  // RESNET_CPU_ISA is none of its business
    for (const std::string_view isa : b.isas(Precision::fp32, 0)) {
      o.isa = isa;
      EXPECT_EQ(Session(model, o).isa(), isa);
      o.isa.clear();
      setenv("RESNET_CPU_ISA", std::string(isa).c_str(), 1);
      EXPECT_EQ(Session(model, o).isa(), gpu ? b.isas(Precision::fp32, 0).front() : isa);
      unsetenv("RESNET_CPU_ISA");
    }
    o.isa.clear();
    EXPECT_EQ(Session(model, o).isa(), b.isas(Precision::fp32, 0).front());
    o.isa = "mmx";
    EXPECT_THROW(Session(model, o), Error);
    o.isa.clear();
    setenv("RESNET_CPU_ISA", "mmx", 1);
    if (gpu) {
      EXPECT_NO_THROW(Session(model, o));
    } else {
      EXPECT_THROW(Session(model, o), Error);
    }
    unsetenv("RESNET_CPU_ISA");
  }
}

}  // namespace
}  // namespace resnet
