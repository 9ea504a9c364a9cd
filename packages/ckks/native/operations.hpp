// Operation codes: the same numbers as Op in src/kernels/operations.ts (a test compares the two files).
#pragma once

namespace cf {

enum Operation : int {
  kRingCreate = 0,
  kRingDestroy = 1,
  kNttForward = 2,
  kNttInverse = 3,
  kAdd = 4,
  kSubtract = 5,
  kNegate = 6,
  kMultiply = 7,
  kMultiplyAccumulate = 8,
  kMultiplyScalar = 9,
  kMultiplyScalarAccumulate = 10,
  kAddScalar = 11,
  kTensor = 12,
  kTensorAccumulate = 13,
  kAutomorphism = 14,
  kDivide = 15,
  kDecompose = 16,
  kRaise = 17,
  kInnerProduct = 18,
  kInnerProductAccumulate = 19,
  kKeySwitch = 20,
  kLinearBabySteps = 21,
  kSampleUniform = 22,
  kSampleSmall = 23,
  kKeystream = 24,
  kGenerateKeyDigit = 25,
  kEncode = 26,
  kDecode = 27,
  kMeasureMultiplies = 29,
  kEncodePeriodic = 30,
  kUnpackResidues = 31,
  kPackResidues = 32,
  kEncodeMany = 33,
  kEncryptZero = 34,
};

}  // namespace cf
