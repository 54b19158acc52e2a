#include "train/config.hpp"

#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

std::string error_of(const std::vector<std::string>& overrides) {
  try {
    read_config({}, overrides);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
    return e.what();
  }
  return "";
}

TEST(Config, ReadsAFileAndOverrides) {
  const test::TemporaryDirectory directory;
  const auto path = directory.write("a.yaml",
                                    "model: {network: resnet18}\n"
                                    "train:\n  lr: 0.1   # high\n  epochs: 7\n  nesterov: false\n"
                                    "augment: {crop_scale: [0.1, 0.9], size: 96}\n"
                                    "preprocess:\n  resize: [96, 96]\n  crop: 0\n  interpolation: bicubic\n"
                                    "quant: {exclude: [conv1, fc]}\n"
                                    "data:\n");
  const Config config =
      read_config(path, {"train.lr=0.05", "output.directory=runs/a b", "train.betas=[0.8, 0.9]"});
  EXPECT_EQ(config.model.network, "resnet18");
  EXPECT_EQ(config.train.lr, 0.05);
  EXPECT_EQ(config.train.epochs, 7);
  EXPECT_FALSE(config.train.nesterov);
  EXPECT_EQ(config.augment.crop_scale.from, 0.1);
  EXPECT_EQ(config.augment.interpolation, Interpolation::bicubic);
  EXPECT_EQ(config.quant.exclude, (std::vector<std::string>{"conv1", "fc"}));
  EXPECT_EQ(config.output.directory, "runs/a b");
  EXPECT_EQ(config.train.betas[0], 0.8);
  EXPECT_EQ(config.train.batch, Config{}.train.batch);
  EXPECT_EQ(run_name(config), "resnet18_fp32");
}

TEST(Config, WhatIsWrittenReadsBackTheSame) {
  const Config config =
      read_config({}, {"model.start='a: b'", "train.lr=1.25e-05", "quant.exclude=[layer1, fc]",
                       "preprocess.resize=[224, 224]", "augment.crop_ratio=[0.5, 2]", "output.name=\"7\"",
                       "train.seed=-3"});
  const test::TemporaryDirectory directory;
  for (const bool comments : {false, true}) {
    const Config again = read_config(directory.write("a.yaml", to_yaml(config, comments)));
    EXPECT_EQ(to_pairs(again), to_pairs(config));
  }
  EXPECT_EQ(to_yaml(read_config({}), false), to_yaml(Config{}, false));
}

TEST(Config, AnUnknownKeySuggestsTheNearest) {
  EXPECT_NE(error_of({"train.learning=1"}).find("did you mean train."), std::string::npos);
  EXPECT_NE(error_of({"train.epoch=1"}).find("did you mean train.epochs?"), std::string::npos);
  EXPECT_NE(error_of({"trian.lr=1"}).find("did you mean train.lr?"), std::string::npos);
  EXPECT_NE(error_of({"lr=1"}).find("did you mean"), std::string::npos);
  EXPECT_NE(error_of({"train.lr"}).find("section.key=value"), std::string::npos);
}

TEST(Config, WrongValuesAreNamed) {
  EXPECT_NE(error_of({"train.epochs=many"}).find("train.epochs: 'many' is not a whole number"),
            std::string::npos);
  EXPECT_NE(error_of({"train.lr=[1, 2]"}).find("train.lr"), std::string::npos);
  EXPECT_NE(error_of({"train.lr=.nan"}).find("train.lr"), std::string::npos);
  EXPECT_NE(error_of({"train.optimizer=sdg"}).find("sgd, adamw"), std::string::npos);
  EXPECT_NE(error_of({"train.epochs=0"}).find("train.epochs"), std::string::npos);
  EXPECT_NE(error_of({"preprocess.crop=0"}).find("preprocess"), std::string::npos);
  EXPECT_NE(error_of({"augment.flip=2"}).find("flip"), std::string::npos);
  EXPECT_NE(error_of({"preprocess.mean=[1, 2]"}).find("3 numbers"), std::string::npos);
}

TEST(Config, AFileThatIsNoYamlNamesItsLine) {
  const test::TemporaryDirectory directory;
  try {
    read_config(directory.write("a.yaml", "train:\n  lr: [1,\n"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::bad_format);
    EXPECT_NE(std::string(e.what()).find("a.yaml: line"), std::string::npos);
  }
  EXPECT_THROW(read_config(directory.write("b.yaml", "[1, 2]")), Error);
  EXPECT_THROW(read_config(directory.write("c.yaml", "train: 3")), Error);
  EXPECT_THROW(read_config(directory.path() / "none.yaml"), Error);
}

}  // namespace
}  // namespace resnet::train
