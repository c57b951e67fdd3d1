#!/usr/bin/env bash
# Installs into a folder below build/ and builds a program outside of the tree against it, by CMake and by pkg-config.
set -euo pipefail
root=$PWD
prefix=$root/build/install-check/prefix
rm -rf build/install-check
mkdir -p build/install-check
cmake --install build/dev --prefix "$prefix" >/dev/null
cp -r tests/consumer build/install-check/consumer
cd build/install-check/consumer
cmake -S . -B by-cmake -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build by-cmake >/dev/null
./by-cmake/consumer
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig:$prefix/lib/x86_64-linux-gnu/pkgconfig
# shellcheck disable=SC2046
g++ -std=c++20 consumer.cc -o by-pkg-config $(pkg-config --cflags --libs uringsim)
./by-pkg-config
# The worked example, as a stranger would copy it.
cd ..
cp -r "$root/tests/examples" example
cmake -S example -B example/build -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build example/build >/dev/null
ctest --test-dir example/build --output-on-failure >/dev/null
echo "the example of tests/examples is built and passes outside of the tree"
