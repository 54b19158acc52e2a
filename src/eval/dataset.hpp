// What to evaluate on: pictures and what they show.
//
//   csv:LABELS.csv,DIR        a table with a header; columns file (or path, filename, image) and
//                             label_index (or label, class, index), or wnid where there is no index
//   folders:DIR               a folder a class, named by WordNet id (n01440764/…) or by the model's label
//   imagenet:LABELS.csv,DIR   as csv:
//   imagenet:DIR              as folders:, where there are any, else
//   imagenet:DIR              the flat validation folder (ILSVRC2012_val_00000001.JPEG …); its ground
//                             truth is looked for in DIR, beside it, and in the development kit there
//   imagenet:TRUTH.txt,DIR    the same with the ground truth named
//   coco:ANN.json,DIR         COCO's own annotation format: every category a picture has a box of
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <resnet/preprocess.hpp>

namespace resnet::eval {

enum class Targets {
  single_label,  // one class a picture
  multi_label,   // any number of classes a picture
};

enum class Crowd {
  positive,  // a box marked iscrowd counts as any other
  ignore,    // such boxes are left out
};

// Where a picture shows an object, in pixels of the picture of the size that the annotations give.
struct Box {
  int label = 0;
  float left = 0, top = 0, width = 0, height = 0;  // as written: may be empty or reach out of the picture
};

struct Dataset {
  Targets targets = Targets::single_label;
  int classes = 0;                            // of the model it was read for
  std::vector<std::string> class_names;       // as the data calls them, where it was read for no model
  std::filesystem::path directory;            // that all pictures are in
  std::vector<std::filesystem::path> images;  // where the pictures should be; whether they are is not checked
  std::vector<int> labels;                    // single_label: the class of each picture
  std::vector<std::vector<int>> label_sets;   // multi_label: the classes of each picture, ascending
  // coco: of each picture the boxes, and the size that they are of (0 x 0 where the file does not give it)
  std::vector<std::vector<Box>> boxes;
  std::vector<Size> sizes;

  std::size_t size() const noexcept { return images.size(); }
};

// What a dataset is read for, and how.
struct DatasetOptions {
  // Of the model. 0, for a model that is yet to be trained: the classes of the data, which are the categories
  // by ascending id, the folders by name, the table's labels by name or, where they are numbers, 0 … the
  // largest.
  int classes = 0;
  std::vector<std::string> labels;  // of the model, one a class; may be empty
  Crowd crowd = Crowd::positive;
  // List of the pictures to read (name_list.hpp); empty: all.
  std::filesystem::path only;
  // Folder or file that gives the WordNet ids of ILSVRC's own class numbers; empty: looked for.
  std::filesystem::path devkit;
};

// Reads what a user wrote after --data. Throws Error: invalid_argument (no such kind of data, or not of
// the form above), not_found, io, bad_format, unsafe (a picture's name that leaves DIR),
// shape_mismatch (classes that the model does not have). Duplicated pictures are refused: they would
// count twice.
Dataset read_dataset(std::string_view spec, const DatasetOptions& options);

// The readers behind it.
Dataset read_imagenet_csv(const std::filesystem::path& csv, const std::filesystem::path& directory,
                          const DatasetOptions& options);
Dataset read_class_folders(const std::filesystem::path& directory, const DatasetOptions& options);
// truth: empty to look for it.
Dataset read_imagenet_flat(const std::filesystem::path& truth, const std::filesystem::path& directory,
                           const DatasetOptions& options);
Dataset read_coco(const std::filesystem::path& annotations, const std::filesystem::path& directory,
                  const DatasetOptions& options);

// Targets as the metrics take them: [size, classes], 1 where a picture has the class.
std::vector<std::uint8_t> target_matrix(const Dataset& dataset);

// Throws Error{not_found}, naming the first, where not one of the pictures is there: then the folder is the
// wrong one, and work on it would fail at every picture. Single ones that are missing are for evaluate() to
// report.
void require_pictures(const Dataset& dataset);

// Keeps the first `count` pictures.
void truncate(Dataset& dataset, std::size_t count);

}  // namespace resnet::eval
