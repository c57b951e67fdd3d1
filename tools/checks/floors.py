#!/usr/bin/env python3
"""Includes only go down the floors of the house."""
import pathlib
import re
import subprocess
import sys

# From the ground up. A file may include its own folder and every one before it.
FLOORS = [
    "uapi", "kernel_model/arch", "kernel_model/trace", "kernel_model/core", "kernel_model/block", "kernel_model/fs",
    "kernel_model/io_uring", "kernel_model/versions", "sim/fiber", "sim/live", "sim/devices", "sim/trace", "sim/report",
    "sim/check", "sim/world", "sim/explore", "sim/tape", "sim/scenario", "sim/bench", "tools",
]
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.M)


def floor_of(path):
    best = None
    for index, folder in enumerate(FLOORS):
        if path.startswith(folder + "/"):
            best = index
    return best


def main():
    files = subprocess.run(["git", "ls-files", "*.h", "*.cc"], capture_output=True, text=True, check=True).stdout.split()
    wrong = []
    for name in files:
        here = floor_of(name)
        if name.startswith("tests/"):
            continue
        text = pathlib.Path(name).read_text()
        if here is None:
            wrong.append(f"{name}: stands on no floor")
            continue
        for include in INCLUDE.findall(text):
            there = floor_of(include)
            if there is None:
                wrong.append(f"{name}: includes {include}, which stands on no floor (paths are from the root)")
            elif there > here:
                wrong.append(f"{name}: includes {include}, which stands above it")
    print("\n".join(wrong) if wrong else f"floors: {len(files)} files, every include goes down")
    return 1 if wrong else 0


sys.exit(main())
