#!/usr/bin/env python3
"""No mutable state outside of objects: looks at the symbols of the libraries in build/dev."""
import re
import subprocess
import sys

# What is allowed, and why.
ALLOWED = {
    "uringsim::arch::detail::current": "the one thread-local: which task runs on this OS thread",
    "uringsim::arch::detail::outside": "what current_task() is where no task runs; never written to",
}
# Immutable: const in the source, but filled in at run time or relocated, so that the section does not show it.
CONSTANT = [
    (r"^uringsim::sim::table_of<.*>\(\)::table$", "fields of the scenario format"),
    (r"^uringsim::sim::words_of<.*>\(\)::words$", "spellings of the scenario format"),
    (r"^uringsim::sim::.*(verbs\(\)::all|expectation_kinds\(\)::kinds|benchmarks\(\)::all|Costs::standard\(\)::table)$", "const tables"),
    (r"^uringsim::sim::.*(byte_units|time_units|probability_units|binaries|constants|checks|sqe_opcodes\(\)::names)$", "constexpr tables of names"),
    (r"^uringsim::.*::k[A-Z]\w*$", "constexpr tables"),
    (r"^boost::", "the library's own"),
]
LIBRARIES = ["build/dev/liburingsim_kernel_model.a", "build/dev/liburingsim_sim.a"]
LINE = re.compile(r"^[0-9a-f]{16} .{7} (\.(?:data|bss|tbss|tdata)\S*)\s+[0-9a-f]{16} (?:\.hidden )?(\S.*)$")


def main():
    wrong = set()
    for library in LIBRARIES:
        table = subprocess.run(["objdump", "-t", "-C", library], capture_output=True, text=True, check=True).stdout
        for line in table.splitlines():
            match = LINE.match(line)
            if not match or match[1].startswith(".data.rel.ro"):
                continue
            section, name = match.groups()
            if name == section or name.startswith(("guard variable for", "DW.ref", "TLS ", ".L")) or name in ALLOWED:
                continue
            if any(re.match(pattern, name) for pattern, _ in CONSTANT):
                continue
            wrong.add(f"{library}: {name} ({section})")
    print("\n".join(sorted(wrong)) if wrong else "globals: none but the " + str(len(ALLOWED)) + " allowed ones")
    return 1 if wrong else 0


sys.exit(main())
