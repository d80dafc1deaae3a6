// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one version number: CMake, the wheel and the documentation read it here.
#define DANAUS_VERSION_MAJOR 0
#define DANAUS_VERSION_MINOR 1
#define DANAUS_VERSION_PATCH 0
