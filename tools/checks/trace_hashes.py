#!/usr/bin/env python3
"""Runs every scenario of tests/golden/trace_hashes.txt in virtual time with the given binary and compares the hashes of the traces:
the tests do so in the builds that have tests, this does so in the one that people use."""
import json
import pathlib
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
binary = sys.argv[1]
wrong = 0
golden = (root / "tests/golden/trace_hashes.txt").read_text().splitlines()
for line in golden:
    name, expected = line.split()
    done = subprocess.run([binary, "run", root / "scenarios" / name, "--engine", "timed", "--json"], capture_output=True, text=True)
    try:
        got = json.loads(done.stdout)["trace_hash"]
    except (ValueError, KeyError):
        got = f"exit {done.returncode}: {done.stderr.strip()}"
    if got != expected:
        print(f"{name}: {got}, not {expected}")
        wrong += 1
print(f"trace hashes: {len(golden) - wrong} of {len(golden)} as in the builds with tests")
sys.exit(wrong != 0)
