#!/usr/bin/env python3
"""Every header compiles on its own, with the compiler's warnings on."""
import concurrent.futures
import os
import subprocess
import sys

FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-I.", "-x", "c++"]


# Ends of other headers, split off for size: included by them and by nobody else.
PARTS = {"kernel_model/core/slab.h": "kernel_model/core/kernel.h"}


def compile_alone(header):
    header = PARTS.get(header, header)
    source = f'#include "{header}"\n'
    run = subprocess.run(["g++", *FLAGS, "-"], input=source, capture_output=True, text=True)
    return header, run.returncode, run.stderr


def main():
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count()
    listed = subprocess.run(["git", "ls-files", "*.h"], capture_output=True, text=True, check=True).stdout.split()
    headers = [h for h in listed if not h.startswith("tests/")]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for header, code, errors in pool.map(compile_alone, headers):
            if code != 0:
                bad += 1
                print(f"{header} does not compile on its own:\n" + "\n".join(errors.splitlines()[:6]))
    print(f"headers: {len(headers) - bad} of {len(headers)} compile on their own")
    return 1 if bad else 0


sys.exit(main())
