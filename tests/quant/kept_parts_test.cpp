#include "quant/kept_parts.hpp"

#include "support/quantized_model.hpp"

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::quant {
namespace {

using Names = std::vector<std::string>;

TEST(KeptParts, NamesArePartsInTheNetworksOrder) {
  const Architecture network(18, 10);
  EXPECT_EQ(kept_parts(network, {}), Names{});
  EXPECT_EQ(kept_parts(network, {"fc", "conv1"}), (Names{"conv1", "fc"}));
  EXPECT_EQ(kept_parts(network, {"head", "fc"}), Names{"fc"});
  EXPECT_EQ(kept_parts(network, {"layer4", "layer2.1", "layer4.0"}),
            (Names{"layer2.1", "layer4.0", "layer4.1"}));
}

TEST(KeptParts, OtherNamesAreAnErrorThatListsTheChoices) {
  const Architecture network(18, 10);
  for (const char* name : {"layer1.2", "layer5", "bn1", "layer", "", "layer1.0.conv1"}) {
    try {
      kept_parts(network, {"fc", name});
      ADD_FAILURE() << name;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
      const std::string words = e.what();
      EXPECT_NE(words.find("'" + std::string(name) + "'"), std::string::npos) << words;
      EXPECT_NE(words.find("conv1, layer1.0, layer1.1"), std::string::npos) << words;
    }
  }
  EXPECT_THROW(kept_parts(network, {"conv1", "layer1", "layer2", "layer3", "layer4", "fc"}), Error);
}

TEST(KeptParts, HoldTheFloatsAndTheScaleThatTheNextOneNeeds) {
  const Model exact = make_random_model(50, 10, 7);
  const Model mixed = test::quantized(exact, {.keep = {"conv1", "layer2", "fc"}});
  for (const char* name : {"conv1.weight", "bn1.running_var", "layer2.0.downsample.1.bias",
                           "layer2.3.conv3.weight", "fc.weight", "fc.bias"}) {
    EXPECT_EQ(mixed.tensor(name).data(), exact.tensor(name).data()) << name;
  }
  for (const char* name : {"conv1.output_scale", "layer2.3.conv3.output_scale", "layer1.0.conv1.multiplier"})
    EXPECT_TRUE(mixed.tensors.contains(name)) << name;
  for (const char* name : {"conv1.multiplier", "layer2.0.conv3.output_scale", "layer2.0.residual_multiplier",
                           "avgpool.multiplier", "layer1.0.bn1.weight"}) {
    EXPECT_FALSE(mixed.tensors.contains(name)) << name;
  }
}

}  // namespace
}  // namespace resnet::quant
