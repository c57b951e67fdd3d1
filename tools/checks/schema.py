#!/usr/bin/env python3
"""Every shipped scenario is valid by scenarios/schema.json, and the schema by its own."""
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
            print(f"{path}: /{'/'.join(str(step) for step in error.absolute_path)}: {error.message}")
    print(f"schema: {len(files)} scenarios, {bad} errors")
    return 1 if bad else 0


sys.exit(main())
