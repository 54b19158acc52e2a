// reference.json is read from strangers: what is wrong with it is named, and nothing outside is touched.
#include "verify/reference_directory.hpp"

#include "verify/verify_fixture.hpp"

#include <filesystem>
#include <functional>

#include <nlohmann/json.hpp>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

using nlohmann::json;

class ReferenceDirectoryTest : public VerifyFixture {
 protected:
  // Changes reference.json and expects reading to fail with `code`, naming `part`.
  void expect_refused(const std::function<void(json&)>& change, ErrorCode code,
                      const std::string& part) const {
    json root = json::parse(test::read_text(directory_.path() / "reference.json"));
    change(root);
    expect_text_refused(root.dump(), code, part);
  }

  void expect_text_refused(const std::string& text, ErrorCode code, const std::string& part) const {
    const std::string original = test::read_text(directory_.path() / "reference.json");
    directory_.write("reference.json", text);
    try {
      const ReferenceDirectory opened(directory_.path());
      ADD_FAILURE() << "accepted: " << part;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
    directory_.write("reference.json", original);
  }
};

TEST_F(ReferenceDirectoryTest, ADumpReadsBack) {
  const ReferenceDirectory r = reference();
  EXPECT_EQ(r.architecture().name(), "resnet18");
  EXPECT_EQ(r.architecture().classes(), 10);
  EXPECT_EQ(r.made_by(), "the reference backend");
  EXPECT_EQ(r.weights_crc32(), crc32_of(model_));
  EXPECT_FALSE(r.has_float64());
  EXPECT_TRUE(r.images().empty());
  EXPECT_EQ(r.shape("input"), input_shape_);
  EXPECT_EQ(r.shape("gap"), (Shape{2, 512}));
  EXPECT_EQ(r.read("layer2"), r.read("layer2.1"));
  EXPECT_EQ(r.read("stem_pool"), r.read("maxpool"));
  EXPECT_EQ(r.read("logits"), r.read("head"));
  float sum = 0;
  for (const float p : r.read("probabilities")) sum += p;
  EXPECT_NEAR(sum, 2.0f, 1e-5f);
  EXPECT_THROW(r.shape("layer9"), Error);
}

TEST_F(ReferenceDirectoryTest, WrongFilesAreNamed) {
  expect_text_refused("", ErrorCode::bad_format, "reference.json");
  expect_text_refused("[1, 2", ErrorCode::bad_format, "reference.json");
  expect_text_refused("[]", ErrorCode::bad_format, "JSON object");
  expect_refused([](json& j) { j["version"] = 2; }, ErrorCode::unsupported, "version 2");
  expect_refused([](json& j) { j.erase("tensors"); }, ErrorCode::bad_format, "tensors");
  expect_refused([](json& j) { j["classes"] = "ten"; }, ErrorCode::bad_format, "reference.json");
  expect_refused([](json& j) { j["model"] = "resnet101"; }, ErrorCode::unsupported, "resnet101");
  expect_refused([](json& j) { j["tensors"].erase("input"); }, ErrorCode::not_found, "input");
  expect_refused(
      [](json& j) {
        j["tensors"]["input"]["shape"] = {2, 3, 64};
      },
      ErrorCode::shape_mismatch, "[N, 3");
  expect_refused(
      [](json& j) {
        j["tensors"]["layer1.0"]["shape"] = {2, 64, 16, 17};
      },
      ErrorCode::shape_mismatch, "layer1.0");
  expect_refused(
      [](json& j) {
        j["tensors"]["gap"]["shape"] = {-1, 512};
      },
      ErrorCode::bad_format, "negative");
  expect_refused(
      [](json& j) {
        j["tensors"]["gap"]["shape"] = {1, 512};
      },
      ErrorCode::shape_mismatch, "gap.bin");
}

TEST_F(ReferenceDirectoryTest, PathsStayInside) {
  for (const char* file : {"/etc/passwd", "../x.bin", "a/../../x.bin", ""}) {
    expect_refused([&](json& j) { j["tensors"]["gap"]["file"] = file; }, ErrorCode::unsafe, "outside");
  }
}

TEST_F(ReferenceDirectoryTest, MissingAndTruncatedTensorsAreNamed) {
  std::filesystem::resize_file(directory_.path() / "layer3.0.bin", 100);
  EXPECT_THROW(reference(), Error);
  std::filesystem::remove(directory_.path() / "layer3.0.bin");
  try {
    reference();
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("layer3.0.bin"), std::string::npos);
  }
  EXPECT_THROW(ReferenceDirectory(directory_.path() / "nowhere"), Error);
}

}  // namespace
}  // namespace resnet::verify
