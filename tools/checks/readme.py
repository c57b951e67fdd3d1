#!/usr/bin/env python3
"""The outputs that README.md quotes are what the commands print: readme.py BINARY [--update].

A ```console block holds commands ("$ ...") and their output. Commands are run from the root of the repository with
build/release/uringsim replaced by BINARY; --update writes what they print into the README."""
import pathlib
import re
import subprocess
import sys

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def run(command, binary):
    real = command.replace("build/release/uringsim", binary)
    result = subprocess.run(real, shell=True, capture_output=True, text=True, timeout=120)
    return (result.stdout + result.stderr).replace(binary, "build/release/uringsim")


def replay(block, binary):
    """The block with every command's output as it is now."""
    lines = []
    for line in block.splitlines():
        if line.startswith("$ "):
            lines.append(line)
            lines.extend(run(line[2:], binary).rstrip("\n").splitlines())
    return "\n".join(lines) + "\n"


def main():
    readme = pathlib.Path("README.md")
    binary = sys.argv[1]
    text = readme.read_text()
    wrong = 0
    blocks = 0

    def check(match):
        nonlocal wrong, blocks
        blocks += 1
        now = replay(match[1], binary)
        if now != match[1]:
            wrong += 1
            if "--update" not in sys.argv:
                print(f"README.md quotes:\n{match[1]}but the commands print:\n{now}")
        return f"```console\n{now}```"

    updated = BLOCK.sub(check, text)
    if "--update" in sys.argv:
        readme.write_text(updated)
        wrong = 0
    print(f"readme: {blocks} blocks, {wrong} out of date")
    return 1 if wrong else 0


sys.exit(main())
