#!/usr/bin/env python3
"""Every shipped scenario is valid by scenarios/schema.json, the schema by its own, and schema and decoder accept and refuse the same
examples: tests/sim/scenario/examples.json is read here and by the decoder's own test."""
import json
import pathlib
import sys

import jsonschema


def main():
    schema = json.loads(pathlib.Path("scenarios/schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    files = sorted(p for p in pathlib.Path("scenarios").rglob("*.json") if p.name != "schema.json")
    bad = 0
    for path in files:
        for error in validator.iter_errors(json.loads(path.read_text())):
            bad += 1
            print(f"{path}: /{'/'.join(str(step) for step in error.absolute_path)}: {error.message[:200]}")
    examples = json.loads(pathlib.Path("tests/sim/scenario/examples.json").read_text())
    for example in examples:
        if validator.is_valid(example["scenario"]) != example["good"]:
            bad += 1
            print(f"example {example['why']!r}: should be {'accepted' if example['good'] else 'refused'}")
    print(f"schema: {len(files)} scenarios, {len(examples)} examples, {bad} errors")
    return 1 if bad else 0


sys.exit(main())
