#include "train/data/batch_loader.hpp"

#include "picture_set.hpp"
#include "support/test_data.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <set>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

constexpr int kSize = 24;
constexpr std::size_t kSampleBytes = std::size_t{kSize} * kSize * 3;

LoaderOptions options(int batch, int workers) {
  LoaderOptions o;
  o.batch = batch;
  o.workers = workers;
  o.prefetch = 2;
  o.seed = 11;
  o.augment.size = kSize;
  return o;
}

// Everything that an epoch gives.
struct Seen {
  std::vector<std::uint8_t> pixels;
  std::vector<float> targets;
  std::vector<std::int64_t> samples;
  std::vector<int> counts;
  bool operator==(const Seen&) const = default;
};

void add(Seen& seen, const Batch& batch) {
  EXPECT_EQ(batch.size, kSize);
  const std::size_t bytes = static_cast<std::size_t>(batch.count) * kSampleBytes;
  seen.pixels.insert(seen.pixels.end(), batch.pixels.get(), batch.pixels.get() + bytes);
  seen.targets.insert(seen.targets.end(), batch.targets.begin(), batch.targets.end());
  seen.samples.insert(seen.samples.end(), batch.samples.begin(), batch.samples.end());
  seen.counts.push_back(batch.count);
}

Seen epoch_of(BatchLoader& loader, int epoch = 0, std::int64_t first = 0) {
  Seen seen;
  loader.start(epoch, first);
  while (const std::optional<Batch> batch = loader.next()) add(seen, *batch);
  EXPECT_FALSE(loader.next().has_value());
  return seen;
}
Seen epoch_of(const TrainingSet& set, const LoaderOptions& o, int epoch = 0) {
  BatchLoader loader(set, o);
  return epoch_of(loader, epoch);
}

template <class Call>
void expect_error(ErrorCode code, const std::string& part, Call call) {
  try {
    call();
    ADD_FAILURE() << "expected an error: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.code()), to_string(code)) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(BatchLoader, NothingChangesWithWorkersPrefetchOrCache) {
  PictureSet pictures(23);
  pictures.damage(4);
  LoaderOptions o = options(5, 1);
  o.augment.randaugment_ops = 1;
  o.augment.cutout = 0.5;
  o.augment.mixup = 0.4;
  o.prefetch = 1;
  const Seen expected = epoch_of(pictures.set(), o, 3);
  EXPECT_EQ(expected.counts, (std::vector<int>{5, 5, 5, 5}));
  for (const int workers : {2, 5}) {
    for (const std::int64_t cache : {std::int64_t{0}, std::int64_t{40'000}, std::int64_t{1} << 30}) {
      o.workers = workers;
      o.prefetch = workers;
      o.cache_bytes = cache;
      BatchLoader loader(pictures.set(), o);
      for (int time = 0; time < 2; ++time)
        EXPECT_EQ(epoch_of(loader, 3), expected) << workers << " " << cache;
    }
  }
}

TEST(BatchLoader, EveryEpochShufflesAndShowsEachSampleOnce) {
  const PictureSet pictures(17);
  LoaderOptions o = options(4, 2);
  o.drop_last = false;
  BatchLoader loader(pictures.set(), o);
  EXPECT_EQ(loader.batches(), 5);
  const Seen first = epoch_of(loader, 0);
  const Seen second = epoch_of(loader, 1);
  EXPECT_EQ(first.counts, (std::vector<int>{4, 4, 4, 4, 1}));
  for (const Seen* seen : {&first, &second}) {
    std::vector<std::int64_t> sorted = seen->samples;
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::int64_t> all(17);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(sorted, all);
  }
  EXPECT_NE(first.samples, second.samples);
  o.seed = 12;
  EXPECT_NE(epoch_of(pictures.set(), o).samples, first.samples);
}

TEST(BatchLoader, ProcessesSeeInAStepWhatOneSeesInAsManyBatches) {
  const PictureSet pictures(29);
  const int world = 3;
  const Seen one = epoch_of(pictures.set(), options(4, 2));
  std::vector<Seen> ranks;
  for (int rank = 0; rank < world; ++rank) {
    LoaderOptions o = options(4, 2);
    o.rank = rank;
    o.world_size = world;
    ranks.push_back(epoch_of(pictures.set(), o));
    ASSERT_EQ(ranks.back().counts, (std::vector<int>{4, 4}));  // 29 / 12 steps
  }
  Seen dealt;
  for (std::size_t step = 0; step < 2; ++step) {
    for (const Seen& rank : ranks) {
      const auto samples = rank.samples.begin() + static_cast<std::ptrdiff_t>(step * 4);
      dealt.samples.insert(dealt.samples.end(), samples, samples + 4);
      const auto pixels = rank.pixels.begin() + static_cast<std::ptrdiff_t>(step * 4 * kSampleBytes);
      dealt.pixels.insert(dealt.pixels.end(), pixels, pixels + 4 * kSampleBytes);
    }
  }
  ASSERT_EQ(dealt.samples.size(), 24u);
  EXPECT_TRUE(std::equal(dealt.samples.begin(), dealt.samples.end(), one.samples.begin()));
  EXPECT_TRUE(std::equal(dealt.pixels.begin(), dealt.pixels.end(), one.pixels.begin()));
}

TEST(BatchLoader, WithoutDropLastProcessesShareTheRestEqually) {
  const PictureSet pictures(17);
  std::set<std::int64_t> all;
  for (int rank = 0; rank < 2; ++rank) {
    LoaderOptions o = options(4, 1);
    o.rank = rank;
    o.world_size = 2;
    o.drop_last = false;
    o.augment.mixup = 0;
    const Seen seen = epoch_of(pictures.set(), o);
    EXPECT_EQ(seen.counts, (std::vector<int>{4, 4}));  // one left over: not enough for both
    all.insert(seen.samples.begin(), seen.samples.end());
  }
  EXPECT_EQ(all.size(), 16u);
}

TEST(BatchLoader, BeginsWithAnyBatch) {
  const PictureSet pictures(20);
  BatchLoader loader(pictures.set(), options(4, 2));
  const Seen whole = epoch_of(loader, 2);
  const Seen rest = epoch_of(loader, 2, 3);
  EXPECT_EQ(rest.counts.size(), 2u);
  EXPECT_TRUE(std::equal(rest.samples.begin(), rest.samples.end(), whole.samples.begin() + 12));
  EXPECT_TRUE(std::equal(rest.pixels.begin(), rest.pixels.end(), whole.pixels.begin() + 12 * kSampleBytes));
  EXPECT_TRUE(epoch_of(loader, 2, 5).counts.empty());
  expect_error(ErrorCode::invalid_argument, "5 batches", [&] { loader.start(0, 6); });
  expect_error(ErrorCode::invalid_argument, "5 batches", [&] { loader.start(0, -1); });
}

TEST(BatchLoader, TheNextSampleTakesThePlaceOfOneThatCannotBeRead) {
  PictureSet pictures(12);
  const Seen before = epoch_of(pictures.set(), options(4, 1));
  const std::int64_t bad = before.samples[5];
  const std::int64_t after = before.samples[6];
  pictures.damage(static_cast<std::size_t>(bad));
  BatchLoader loader(pictures.set(), options(4, 3));
  for (int time = 0; time < 2; ++time) {
    const Seen seen = epoch_of(loader);
    EXPECT_EQ(seen.samples[5], after);
    EXPECT_EQ(seen.samples[6], after);
    EXPECT_EQ(seen.samples[4], before.samples[4]);
    const auto sample = [&](std::size_t i) {
      return std::vector<std::uint8_t>(
          seen.pixels.begin() + static_cast<std::ptrdiff_t>(i * kSampleBytes),
          seen.pixels.begin() + static_cast<std::ptrdiff_t>((i + 1) * kSampleBytes));
    };
    EXPECT_NE(sample(5), sample(6)) << "the same picture twice, but not the same crop";
  }
  const auto skipped = loader.skipped();
  ASSERT_EQ(skipped.size(), 1u);
  EXPECT_EQ(skipped[0].sample, bad);
  EXPECT_NE(skipped[0].reason.find(std::to_string(bad) + ".jpg"), std::string::npos) << skipped[0].reason;
}

TEST(BatchLoader, SaysSoWhereNoPictureCanBeRead) {
  PictureSet pictures(6);
  for (std::size_t i = 0; i < 6; ++i) pictures.damage(i);
  BatchLoader loader(pictures.set(), options(3, 2));
  for (int time = 0; time < 2; ++time) {
    loader.start(0);
    expect_error(ErrorCode::bad_format, "not one of 6 pictures", [&] { loader.next(); });
    expect_error(ErrorCode::bad_format, "not one of 6 pictures", [&] { loader.next(); });
  }
}

Preprocess exact_preprocess() {
  Preprocess preprocess;
  preprocess.resize.height = 30;
  preprocess.center_crop = Size{kSize, kSize};
  return preprocess;
}

TEST(BatchLoader, ValidatesWithThePixelsOfThePreprocessing) {
  PictureSet pictures(11);
  pictures.damage(2);
  for (const std::int64_t cache : {std::int64_t{0}, std::int64_t{1} << 30}) {
    LoaderOptions o = options(4, 3);
    o.preprocess = exact_preprocess();
    o.cache_bytes = cache;
    BatchLoader loader(pictures.set(), o);
    EXPECT_EQ(loader.batches(), 3);
    for (int epoch = 0; epoch < 2; ++epoch) {
      const Seen seen = epoch_of(loader, epoch);
      EXPECT_EQ(seen.counts, (std::vector<int>{3, 4, 3}));
      EXPECT_EQ(seen.samples, (std::vector<std::int64_t>{0, 1, 3, 4, 5, 6, 7, 8, 9, 10}));
      for (std::size_t i = 0; i < seen.samples.size(); ++i) {
        const auto index = static_cast<std::size_t>(seen.samples[i]);
        const Image expected = resize_and_crop(load_image(pictures.sample(index).path), exact_preprocess());
        EXPECT_EQ(std::memcmp(seen.pixels.data() + i * kSampleBytes, expected.rgb.data(), kSampleBytes), 0);
        for (std::size_t c = 0; c < 3; ++c) {
          EXPECT_EQ(seen.targets[i * 3 + c],
                    static_cast<int>(c) == pictures.sample(index).labels[0] ? 1.0f : 0.0f);
        }
      }
    }
    EXPECT_EQ(loader.skipped().size(), 1u);
  }
}

TEST(BatchLoader, ProcessesTogetherValidateWithEverySample) {
  const PictureSet pictures(11);
  std::vector<std::int64_t> all;
  for (int rank = 0; rank < 3; ++rank) {
    LoaderOptions o = options(4, 2);
    o.preprocess = exact_preprocess();
    o.rank = rank;
    o.world_size = 3;
    const Seen seen = epoch_of(pictures.set(), o);
    all.insert(all.end(), seen.samples.begin(), seen.samples.end());
  }
  std::vector<std::int64_t> expected(11);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(all, expected);
}

TEST(BatchLoader, BatchesWithNothingLeftAreLeftOut) {
  PictureSet pictures(5);
  for (const std::size_t bad : {0u, 1u, 4u}) pictures.damage(bad);
  LoaderOptions o = options(2, 2);
  o.preprocess = exact_preprocess();
  EXPECT_EQ(epoch_of(pictures.set(), o).samples, (std::vector<std::int64_t>{2, 3}));
}

TEST(BatchLoader, BuffersAreUsedAgainAndOutliveTheLoader) {
  const PictureSet pictures(40);
  std::atomic<int> allocated{0}, freed{0};
  LoaderOptions o = options(4, 3);
  o.prefetch = 3;
  o.allocate = [&](std::size_t bytes) {
    EXPECT_EQ(bytes, 4 * kSampleBytes);
    ++allocated;
    return std::shared_ptr<std::uint8_t[]>(new std::uint8_t[bytes], [&](std::uint8_t* p) {
      ++freed;
      delete[] p;
    });
  };
  std::optional<Batch> kept;
  {
    BatchLoader loader(pictures.set(), o);
    for (int epoch = 0; epoch < 3; ++epoch) {
      loader.start(epoch);
      while (std::optional<Batch> batch = loader.next()) kept = std::move(batch);
    }
    EXPECT_LE(allocated, 5);  // prefetched ones, the one here and the one before it
    EXPECT_EQ(freed, 0);
  }
  EXPECT_EQ(freed, allocated - 1);
  std::memset(kept->pixels.get(), 1, 4 * kSampleBytes);
  kept.reset();
  EXPECT_EQ(freed, allocated);
}

TEST(BatchLoader, TellsOfMemoryThatCannotBeHad) {
  const PictureSet pictures(8);
  std::atomic<bool> refuse{true};
  LoaderOptions o = options(4, 2);
  o.allocate = [&](std::size_t bytes) {
    return refuse ? nullptr : std::shared_ptr<std::uint8_t[]>(new std::uint8_t[bytes]);
  };
  BatchLoader loader(pictures.set(), o);
  loader.start(0);
  expect_error(ErrorCode::out_of_memory, "smaller batch", [&] { loader.next(); });
  refuse = false;
  EXPECT_EQ(epoch_of(loader).counts.size(), 2u);
}

TEST(BatchLoader, EndsWhateverItIsAt) {
  const PictureSet pictures(30);
  for (int round = 0; round < 8; ++round) {
    BatchLoader loader(pictures.set(), options(3, 4));
    if (round == 0) continue;  // never started
    loader.start(0);
    for (int i = 1; i < round; ++i) loader.next();
  }
}

TEST(BatchLoader, AnEpochCanBeLeftForAnother) {
  const PictureSet pictures(30);
  BatchLoader loader(pictures.set(), options(3, 4));
  const Seen expected = epoch_of(loader, 7);
  for (int left = 0; left < 6; ++left) {
    loader.start(left);
    for (int i = 0; i < left; ++i) loader.next();
    EXPECT_EQ(epoch_of(loader, 7), expected);
  }
}

TEST(BatchLoader, GivesNothingBeforeItIsStarted) {
  const PictureSet pictures(4);
  BatchLoader loader(pictures.set(), options(2, 1));
  EXPECT_FALSE(loader.next().has_value());
}

// Of photos only the part that the crop needs is decoded; the cache needs them whole.
TEST(BatchLoader, PhotosGiveTheSamePixelsFromAPartAndFromTheWhole) {
  RESNET_REQUIRE_DATA("coco/instances_dev.json");
  const std::filesystem::path data = test::data_directory() / "coco";
  TrainingSet set =
      read_training_set("coco:" + (data / "instances_dev.json").string() + "," + (data / "images").string());
  set.samples.resize(48);
  LoaderOptions o = options(8, 2);
  o.augment.crop_scale = {0.05, 0.4};
  const Seen parts = epoch_of(set, o);
  o.cache_bytes = std::int64_t{1} << 30;
  EXPECT_EQ(epoch_of(set, o), parts);
  EXPECT_EQ(parts.counts.size(), 6u);
}

TEST(BatchLoader, RefusesOptionsOutOfTheirRange) {
  const PictureSet pictures(8);
  const auto refuses = [&](const std::string& part, auto change) {
    LoaderOptions o = options(4, 1);
    change(o);
    expect_error(ErrorCode::invalid_argument, part, [&] { BatchLoader(pictures.set(), o); });
  };
  refuses("batch must", [](LoaderOptions& o) { o.batch = 0; });
  refuses("workers must", [](LoaderOptions& o) { o.workers = -1; });
  refuses("prefetch must", [](LoaderOptions& o) { o.prefetch = 0; });
  refuses("world_size must", [](LoaderOptions& o) { o.world_size = 0; });
  refuses("rank must", [](LoaderOptions& o) { o.rank = 1; });
  refuses("rank must", [](LoaderOptions& o) { o.rank = -1; });
  refuses("for batches of 9 in 1 process", [](LoaderOptions& o) { o.batch = 9; });
  refuses("of 4 in 3 processes", [](LoaderOptions& o) { o.world_size = 3; });
  refuses("mixup is 2", [](LoaderOptions& o) { o.augment.mixup = 2; });
  refuses("square", [](LoaderOptions& o) {
    o.preprocess.emplace();
    o.preprocess->center_crop.reset();
  });
  refuses("square", [](LoaderOptions& o) {
    o.preprocess.emplace();
    o.preprocess->center_crop = Size{20, 30};
  });
}

}  // namespace
}  // namespace resnet::train
