#include "pipeline/photo_pipeline.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <new>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace resnet {
namespace {

constexpr int kSide = 8;

// A network whose answer is the first value of its picture and the batch it came in.
void fake_network(std::span<const float> input, const Shape& shape, std::span<float> output) {
  const auto photos = static_cast<std::size_t>(shape[0]);
  const std::size_t values = input.size() / photos;
  for (std::size_t i = 0; i < photos; ++i) {
    output[2 * i] = input[i * values];
    output[2 * i + 1] = static_cast<float>(photos);
  }
}

// Photo number i is called "i", its picture is 8 x 8 of the value i, and the preprocessing leaves it so.
Image numbered_picture(const std::filesystem::path& path) {
  const int number = std::stoi(path.string());
  return {kSide, kSide,
          std::vector<std::uint8_t>(kSide * kSide * 3, static_cast<std::uint8_t>(number % 256))};
}

PhotoPipelineOptions options(int workers, int batch) {
  PhotoPipelineOptions o;
  o.workers = workers;
  o.max_batch = batch;
  o.outputs = 2;
  o.preprocess.resize_mode = ResizeMode::exact;
  o.preprocess.resize = {kSide, kSide};
  o.preprocess.center_crop.reset();
  o.preprocess.mean = {0, 0, 0};
  o.preprocess.std = {1, 1, 1};
  o.load = numbered_picture;
  return o;
}

PhotoSource numbers(int count) {
  return [i = 0, count]() mutable -> std::optional<PhotoItem> {
    if (i == count) return std::nullopt;
    PhotoItem item;
    item.path = std::to_string(i++);
    return item;
  };
}

float expected(std::size_t index) {
  return static_cast<float>(index % 256) / 255.0f;
}

void sleep_ms(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

struct Case {
  int workers, batch, runs, undelivered, photos;
};

class PhotoPipelineTest : public testing::TestWithParam<Case> {};

TEST_P(PhotoPipelineTest, EveryPhotoOnceInOrderWithItsOwnAnswer) {
  const Case c = GetParam();
  PhotoPipelineOptions o = options(c.workers, c.batch);
  o.concurrent_runs = c.runs;
  o.max_undelivered = c.undelivered;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  const auto infer = [&](std::span<const float> input, const Shape& shape, std::span<float> output) {
    const int now = ++running;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    fake_network(input, shape, output);
    --running;
  };
  std::size_t next = 0;
  const auto caller = std::this_thread::get_id();
  const PhotoPipelineStats stats = run_photo_pipeline(
      numbers(c.photos), infer,
      [&](PhotoResult&& result) {
        ASSERT_EQ(result.index, next);
        ASSERT_EQ(result.item.path, std::to_string(next));
        ASSERT_FALSE(result.item.error);
        ASSERT_EQ(result.output.size(), 2u);
        ASSERT_FLOAT_EQ(result.output[0], expected(next));
        ASSERT_LE(result.output[1], static_cast<float>(c.batch));
        ASSERT_EQ(result.picture, (Size{kSide, kSide}));
        ASSERT_GE(result.decode_ms, 0);
        ASSERT_EQ(std::this_thread::get_id(), caller);
        ++next;
      },
      o);
  EXPECT_EQ(next, static_cast<std::size_t>(c.photos));
  EXPECT_EQ(stats.delivered, next);
  EXPECT_EQ(stats.failed, 0u);
  EXPECT_FALSE(stats.cancelled);
  EXPECT_LE(stats.peak_pictures, c.workers);
  EXPECT_LE(most, c.runs == 0 ? c.workers : std::min(c.runs, c.workers));
  if (c.undelivered > 0) {
    EXPECT_LE(stats.peak_undelivered, c.undelivered);
  } else {
    EXPECT_LE(stats.peak_undelivered, 2 * c.workers * c.batch);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, PhotoPipelineTest,
                         testing::Values(Case{1, 1, 0, 0, 50}, Case{1, 4, 0, 0, 50}, Case{2, 4, 0, 0, 501},
                                         Case{2, 1, 1, 0, 100}, Case{3, 5, 1, 0, 200}, Case{8, 3, 2, 0, 300},
                                         Case{4, 8, 0, 1, 60}, Case{4, 2, 0, 3, 100}, Case{16, 4, 0, 0, 5},
                                         Case{4, 4, 0, 0, 0}, Case{2, 4, 0, 0, 1}),
                         [](const auto& p) {
                           return "workers" + std::to_string(p.param.workers) + "_batch" +
                                  std::to_string(p.param.batch) + "_runs" + std::to_string(p.param.runs) +
                                  "_window" + std::to_string(p.param.undelivered) + "_photos" +
                                  std::to_string(p.param.photos);
                         });

// The same network on 8-bit pixels: its answer is 0 … 1 as fake_network's.
void fake_pixel_network(std::span<const std::uint8_t> rgb, const Shape& shape, std::span<float> output) {
  ASSERT_EQ(rgb.size(), static_cast<std::size_t>(shape.numel()));
  const auto photos = static_cast<std::size_t>(shape[0]);
  for (std::size_t i = 0; i < photos; ++i) {
    output[2 * i] = static_cast<float>(rgb[i * (rgb.size() / photos)]) / 255.0f;
    output[2 * i + 1] = static_cast<float>(photos);
  }
}

PhotoPipelineOptions runner_options(int workers, int batch, int runners) {
  PhotoPipelineOptions o = options(workers, batch);
  o.runners = runners;
  o.infer_pixels = fake_pixel_network;
  return o;
}

void no_network(std::span<const float>, const Shape&, std::span<float>) {
  ADD_FAILURE() << "a worker ran a batch";
}

struct RunnerCase {
  int workers, batch, runners, undelivered, photos;
};

class PhotoRunners : public testing::TestWithParam<RunnerCase> {};

TEST_P(PhotoRunners, EveryPhotoOnceInOrderWithItsOwnAnswer) {
  const RunnerCase c = GetParam();
  PhotoPipelineOptions o = runner_options(c.workers, c.batch, c.runners);
  o.max_undelivered = c.undelivered;
  std::size_t next = 0;
  const PhotoPipelineStats stats = run_photo_pipeline(
      numbers(c.photos), no_network,
      [&](PhotoResult&& result) {
        ASSERT_EQ(result.index, next);
        ASSERT_FALSE(result.item.error);
        ASSERT_EQ(result.output.size(), 2u);
        ASSERT_FLOAT_EQ(result.output[0], expected(next));
        ASSERT_EQ(result.output[1], static_cast<float>(c.batch)) << "every batch has one size";
        ASSERT_EQ(result.picture, (Size{kSide, kSide}));
        ++next;
      },
      o);
  EXPECT_EQ(next, static_cast<std::size_t>(c.photos));
  EXPECT_EQ(stats.delivered, next);
  EXPECT_LE(stats.peak_pictures, c.workers);
  EXPECT_LE(stats.peak_undelivered, c.undelivered > 0 ? c.undelivered : 2 * c.runners * c.batch + c.workers);
}

INSTANTIATE_TEST_SUITE_P(Shapes, PhotoRunners,
                         testing::Values(RunnerCase{1, 1, 1, 0, 50}, RunnerCase{1, 8, 2, 0, 50},
                                         RunnerCase{4, 8, 2, 0, 1001}, RunnerCase{3, 64, 4, 0, 300},
                                         RunnerCase{4, 8, 2, 1, 60}, RunnerCase{4, 8, 3, 5, 200},
                                         RunnerCase{2, 64, 1, 0, 5}, RunnerCase{2, 4, 2, 0, 0}),
                         [](const auto& p) {
                           return "workers" + std::to_string(p.param.workers) + "_batch" +
                                  std::to_string(p.param.batch) + "_runners" +
                                  std::to_string(p.param.runners) + "_window" +
                                  std::to_string(p.param.undelivered) + "_photos" +
                                  std::to_string(p.param.photos);
                         });

TEST(PhotoRunners, FillTheirBatchesWhileThereIsMoreToDecode) {
  PhotoPipelineOptions o = runner_options(2, 16, 2);
  o.load = [](const std::filesystem::path& path) {
    sleep_ms(1);
    return numbered_picture(path);
  };
  bool gone = false;  // the first batch may be smaller: names may come late
  const PhotoPipelineStats stats = run_photo_pipeline(
      numbers(160), no_network, [&](PhotoResult&&) { gone = true; }, o);
  EXPECT_TRUE(gone);
  EXPECT_LE(stats.batches, 13u);
}

TEST(PhotoRunners, DoNotWaitForASlowSource) {
  PhotoPipelineOptions o = runner_options(2, 16, 1);
  std::atomic<int> delivered{0};
  int asked = 0;
  // Each photo is listed only when the one before has been answered.
  const auto source = [&]() -> std::optional<PhotoItem> {
    while (delivered < asked) sleep_ms(1);
    if (asked == 5) return std::nullopt;
    PhotoItem item;
    item.path = std::to_string(asked++);
    return item;
  };
  run_photo_pipeline(
      source, no_network, [&](PhotoResult&&) { ++delivered; }, o);
  EXPECT_EQ(delivered, 5);
}

TEST(PhotoRunners, FailuresStayWithTheirPhotos) {
  PhotoPipelineOptions o = runner_options(3, 1, 2);
  o.load = [](const std::filesystem::path& path) {
    if (path == "3") throw Error(ErrorCode::truncated, "ends early");
    return numbered_picture(path);
  };
  o.infer_pixels = [](std::span<const std::uint8_t> rgb, const Shape& shape, std::span<float> output) {
    if (rgb[0] == 8) throw Error(ErrorCode::device_unavailable, "gone");
    fake_pixel_network(rgb, shape, output);
  };
  std::vector<std::string> seen;
  const auto stats = run_photo_pipeline(
      numbers(10), no_network,
      [&](PhotoResult&& result) {
        seen.emplace_back(result.item.error ? to_string(result.item.error->code()) : "ok");
      },
      o);
  EXPECT_EQ(stats.failed, 2u);
  ASSERT_EQ(seen.size(), 10u);
  EXPECT_EQ(seen[3], "truncated");
  EXPECT_EQ(seen[8], "device_unavailable");
}

TEST(PhotoRunners, PicturesOfDifferentSizesAreNotBatchedTogether) {
  PhotoPipelineOptions o = runner_options(2, 4, 2);
  o.preprocess.resize_mode = ResizeMode::short_side;
  o.load = [](const std::filesystem::path& path) {
    Image image = numbered_picture(path);
    if (std::stoi(path.string()) % 3 == 0) {
      image.width = 2 * kSide;
      image.rgb.resize(2 * kSide * kSide * 3, image.rgb[0]);
    }
    return image;
  };
  run_photo_pipeline(
      numbers(50), no_network,
      [](PhotoResult&& r) {
        ASSERT_FALSE(r.item.error);
        EXPECT_FLOAT_EQ(r.output.at(0), expected(r.index));
        EXPECT_LE(r.output.at(1), 4.0f);
      },
      o);
}

TEST(PhotoRunners, StopWithoutLosingWhatIsBegun) {
  for (const bool throwing : {false, true}) {
    std::atomic<bool> cancel{false};
    PhotoPipelineOptions o = runner_options(3, 8, 2);
    o.cancel = &cancel;
    o.load = [](const std::filesystem::path& path) {
      sleep_ms(1);
      return numbered_picture(path);
    };
    std::size_t delivered = 0;
    const auto deliver = [&](PhotoResult&& r) {
      EXPECT_EQ(r.output.size(), 2u);
      if (++delivered < 20) return;
      if (throwing) throw std::runtime_error("no more");
      cancel = true;
    };
    if (throwing) {
      EXPECT_THROW(run_photo_pipeline(numbers(100000), no_network, deliver, o), std::runtime_error);
    } else {
      EXPECT_TRUE(run_photo_pipeline(numbers(100000), no_network, deliver, o).cancelled);
      EXPECT_LT(delivered, 100u);
    }
  }
}

TEST(PhotoPipeline, OneWorkerFillsItsBatches) {
  std::vector<float> batches;
  run_photo_pipeline(
      numbers(10),
      [&](auto input, const Shape& shape, auto output) {
        batches.push_back(static_cast<float>(shape[0]));
        fake_network(input, shape, output);
      },
      [](PhotoResult&&) {}, options(1, 4));
  // The first batch may be smaller: the worker does not wait for names that are not there yet.
  EXPECT_EQ(std::accumulate(batches.begin(), batches.end(), 0.0f), 10.0f);
  EXPECT_LE(batches.size(), 10u);
  for (const float b : batches) EXPECT_LE(b, 4.0f);
}

TEST(PhotoPipeline, FailuresKeepTheirPlaceAndTheRestGoesOn) {
  PhotoPipelineOptions o = options(3, 4);
  o.load = [](const std::filesystem::path& path) {
    const int number = std::stoi(path.string());
    if (number % 5 == 1) throw Error(ErrorCode::truncated, "ends early");
    if (number % 5 == 2) throw std::bad_alloc();
    if (number % 5 == 3) throw std::runtime_error("strange");
    return numbered_picture(path);
  };
  std::vector<std::string> seen;
  const auto stats = run_photo_pipeline(
      numbers(40), fake_network,
      [&](PhotoResult&& result) {
        ASSERT_EQ(result.index, seen.size());
        if (result.item.error) {
          EXPECT_TRUE(result.output.empty());
          EXPECT_EQ(std::string(result.item.error->what()).rfind(result.item.path.string() + ": ", 0), 0u)
              << result.item.error->what();
        } else {
          EXPECT_FLOAT_EQ(result.output.at(0), expected(result.index));
        }
        seen.emplace_back(result.item.error ? to_string(result.item.error->code()) : "ok");
      },
      o);
  ASSERT_EQ(seen.size(), 40u);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const char* want[] = {"ok", "truncated", "out_of_memory", "internal", "ok"};
    EXPECT_EQ(seen[i], want[i % 5]) << i;
  }
  EXPECT_EQ(stats.failed, 24u);
}

TEST(PhotoPipeline, WhatTheNetworkThrowsIsTheErrorOfItsBatch) {
  PhotoPipelineOptions o = options(2, 1);
  std::set<std::size_t> failed;
  run_photo_pipeline(
      numbers(12),
      [](std::span<const float> input, const Shape& shape, std::span<float> output) {
        if (input[0] == expected(8)) throw std::bad_alloc();
        fake_network(input, shape, output);
      },
      [&](PhotoResult&& result) {
        if (result.item.error) failed.insert(result.index);
      },
      o);
  EXPECT_EQ(failed, (std::set<std::size_t>{8}));
}

TEST(PhotoPipeline, NeedsAndContextArePassedThrough) {
  PhotoPipelineOptions o = options(2, 2);
  o.on_picture = [](const Image& image) { return "thumbnail of " + std::to_string(image.rgb[0]); };
  int i = 0;
  const auto source = [&]() -> std::optional<PhotoItem> {
    if (i == 4) return std::nullopt;
    PhotoItem item;
    item.path = std::to_string(i);
    item.context = i * 10;
    item.need = i == 0 ? PhotoNeed::nothing : i == 1 ? PhotoNeed::picture : PhotoNeed::answer;
    if (i == 3) item.error = Error(ErrorCode::io, "a folder that cannot be opened");
    ++i;
    return item;
  };
  std::vector<std::string> log;
  run_photo_pipeline(
      source, fake_network,
      [&](PhotoResult&& r) {
        EXPECT_EQ(std::any_cast<int>(r.item.context), static_cast<int>(r.index) * 10);
        log.push_back(r.attachment + "|" + std::to_string(r.output.size()) + (r.item.error ? "|failed" : ""));
      },
      o);
  EXPECT_EQ(log, (std::vector<std::string>{"|0", "thumbnail of 1|0", "thumbnail of 2|2", "|0|failed"}));
}

TEST(PhotoPipeline, PicturesOfDifferentSizesAreNotBatchedTogether) {
  PhotoPipelineOptions o = options(2, 4);
  o.preprocess.resize_mode = ResizeMode::short_side;
  o.load = [](const std::filesystem::path& path) {
    const int number = std::stoi(path.string());
    Image image = numbered_picture(path);
    if (number % 3 == 0) {
      image.width = 2 * kSide;
      image.rgb.resize(2 * kSide * kSide * 3, image.rgb[0]);
    }
    return image;
  };
  run_photo_pipeline(
      numbers(50),
      [](std::span<const float> input, const Shape& shape, std::span<float> output) {
        EXPECT_EQ(input.size(), static_cast<std::size_t>(shape.numel()));
        fake_network(input, shape, output);
      },
      [](PhotoResult&& r) {
        EXPECT_FALSE(r.item.error);
        EXPECT_FLOAT_EQ(r.output.at(0), expected(r.index));
      },
      o);
}

TEST(PhotoPipeline, SlowReceiverBoundsWhatIsHeld) {
  PhotoPipelineOptions o = options(4, 2);
  o.max_undelivered = 6;
  std::atomic<int> begun{0};
  int delivered = 0;
  o.load = [&](const std::filesystem::path& path) {
    ++begun;
    return numbered_picture(path);
  };
  const auto stats = run_photo_pipeline(
      numbers(40), fake_network,
      [&](PhotoResult&&) {
        sleep_ms(2);
        EXPECT_LE(begun, delivered + 6);
        ++delivered;
      },
      o);
  EXPECT_EQ(delivered, 40);
  EXPECT_LE(stats.peak_undelivered, 6);
}

TEST(PhotoPipeline, CancelDeliversEverythingBegunAndNothingElse) {
  for (const int workers : {1, 3}) {
    std::atomic<bool> cancel{false};
    std::mutex mutex;
    std::set<std::string> begun, delivered;
    PhotoPipelineOptions o = options(workers, 4);
    o.cancel = &cancel;
    o.load = [&](const std::filesystem::path& path) {
      {
        const std::lock_guard lock(mutex);
        begun.insert(path.string());
      }
      sleep_ms(1);
      return numbered_picture(path);
    };
    const auto stats = run_photo_pipeline(
        numbers(100000), fake_network,
        [&](PhotoResult&& r) {
          EXPECT_EQ(r.output.size(), 2u);
          delivered.insert(r.item.path.string());
          if (r.index == 20) cancel = true;
        },
        o);
    EXPECT_TRUE(stats.cancelled);
    EXPECT_EQ(begun, delivered);
    EXPECT_LT(delivered.size(), 100u);
  }
}

TEST(PhotoPipeline, CancelAfterTheLastPhotoIsNoCancellation) {
  std::atomic<bool> cancel{false};
  PhotoPipelineOptions o = options(2, 2);
  o.cancel = &cancel;
  const auto stats = run_photo_pipeline(
      numbers(8), fake_network,
      [&](PhotoResult&& r) {
        sleep_ms(r.index == 7 ? 80 : 0);  // the list has long ended by then
        if (r.index == 7) cancel = true;
      },
      o);
  EXPECT_FALSE(stats.cancelled);
  EXPECT_EQ(stats.delivered, 8u);
}

TEST(PhotoPipeline, WhatTheReceiverThrowsComesOut) {
  int calls = 0;
  EXPECT_THROW(run_photo_pipeline(
                   numbers(100000), fake_network,
                   [&](PhotoResult&&) {
                     if (++calls == 3) throw Error(ErrorCode::io, "the disk is full");
                   },
                   options(3, 4)),
               Error);
  EXPECT_EQ(calls, 3);
}

TEST(PhotoPipeline, WhatTheSourceThrowsComesOut) {
  const PhotoSource source = [i = 0]() mutable -> std::optional<PhotoItem> {
    if (++i == 20) throw Error(ErrorCode::io, "the list cannot be read");
    PhotoItem item;
    item.path = "1";
    return item;
  };
  EXPECT_THROW(run_photo_pipeline(
                   source, fake_network, [](PhotoResult&&) {}, options(2, 4)),
               Error);
}

TEST(PhotoPipeline, SlowSourceDoesNotHoldBackAnswers) {
  // Every photo is delivered before the next name arrives, although batches of 4 are allowed.
  std::atomic<int> delivered{0};
  bool late = false;
  const PhotoSource source = [&, i = 0]() mutable -> std::optional<PhotoItem> {
    if (i == 5) return std::nullopt;
    for (int waited = 0; delivered < i && waited < 2000; ++waited) sleep_ms(1);
    late = late || delivered < i;
    PhotoItem item;
    item.path = std::to_string(i++);
    return item;
  };
  for (const int workers : {1, 4}) {
    delivered = 0;
    run_photo_pipeline(
        PhotoSource(source), fake_network, [&](PhotoResult&&) { ++delivered; }, options(workers, 4));
    EXPECT_EQ(delivered, 5);
  }
  EXPECT_FALSE(late);
}

TEST(PhotoPipeline, ImpossibleOptionsAreRefused) {
  EXPECT_THROW(run_photo_pipeline(
                   numbers(1), fake_network, [](PhotoResult&&) {}, options(0, 1)),
               Error);
  EXPECT_THROW(run_photo_pipeline(
                   numbers(1), fake_network, [](PhotoResult&&) {}, options(1, 0)),
               Error);
}

TEST(PhotoPipeline, UnevenWorkStaysInOrder) {
  PhotoPipelineOptions o = options(6, 3);
  o.load = [](const std::filesystem::path& path) {
    std::mt19937 random(static_cast<unsigned>(std::stoi(path.string())));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 1500));
    return numbered_picture(path);
  };
  std::size_t next = 0;
  run_photo_pipeline(
      numbers(300), fake_network,
      [&](PhotoResult&& r) {
        ASSERT_EQ(r.index, next++);
        ASSERT_FLOAT_EQ(r.output.at(0), expected(r.index));
      },
      o);
  EXPECT_EQ(next, 300u);
}

TEST(ShareThreads, NeverPromisesAProcessorTwiceForManyPhotos) {
  for (int threads = 1; threads <= 128; ++threads) {
    const ThreadShare many = share_threads(threads, 100000);
    EXPECT_EQ(many.workers * many.session_threads, threads);
    EXPECT_LE(many.workers * many.max_batch, std::max(64, threads));
    const ThreadShare one = share_threads(threads, 1);
    EXPECT_EQ(one.session_threads, threads);
    EXPECT_EQ(one.workers, 1);
    EXPECT_EQ(one.max_batch, 1);
    EXPECT_GE(share_threads(threads, 0).workers, 1);
  }
}

}  // namespace
}  // namespace resnet
