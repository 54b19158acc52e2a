// Are these the logits that another implementation gave for the same pictures?
#pragma once

#include <cstdint>
#include <span>

namespace resnet::eval {

class LogitsCheck {
 public:
  // Compares one picture's logits with the expected ones. Throws Error{shape_mismatch} where the
  // counts differ. A NaN on either side is an infinite difference.
  void add(std::int64_t picture, std::span<const float> logits, std::span<const float> expected);

  std::int64_t pictures() const noexcept { return pictures_; }
  std::int64_t top1_equal() const noexcept { return top1_equal_; }
  double max_abs() const noexcept { return max_abs_; }
  // Where max_abs was found; -1 before the first picture.
  std::int64_t worst_picture() const noexcept { return worst_picture_; }
  int worst_class() const noexcept { return worst_class_; }

  // True where something was compared, every difference is at most `tolerance`, and every picture's best
  // class is the expected one (the first of equal ones).
  bool ok(double tolerance) const noexcept {
    return pictures_ > 0 && top1_equal_ == pictures_ && max_abs_ <= tolerance;
  }

 private:
  std::int64_t pictures_ = 0, top1_equal_ = 0, worst_picture_ = -1;
  int worst_class_ = -1;
  double max_abs_ = 0;
};

}  // namespace resnet::eval
