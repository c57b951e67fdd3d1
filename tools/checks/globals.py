#!/usr/bin/env python3
"""No mutable state outside of objects: every symbol that build/dev's libraries keep in writable memory is either on the short list
below or declared const in the source (constant tables that are filled in at run time, or relocated, are in writable sections too)."""
import pathlib
import re
import subprocess
import sys

# What is allowed, and why.
ALLOWED = {
    "uringsim::arch::detail::current": "the one thread-local: which task runs on this OS thread",
    "uringsim::arch::detail::outside": "what current_task() is where no task runs; never written to",
}
OF_LIBRARIES = [
    (r"boost::asio::detail::(call_stack|keyword_tss_ptr|execution_context_service_base)<", "which io_context runs on this OS thread; service ids"),
    (r"boost::system::detail::system_cat_holder<void>::instance$", "the one object of an error category"),
]
LIBRARIES = ["build/dev/liburingsim_kernel_model.a", "build/dev/liburingsim_sim.a"]
FOLDERS = ["uapi", "kernel_model", "sim"]
LINE = re.compile(r"^[0-9a-f]{16} .{7} (\.(?:data|bss|tbss|tdata)\S*)\s+[0-9a-f]{16} (?:\.hidden )?(\S.*)$")


def writable_symbols(library):
    table = subprocess.run(["objdump", "-t", "-C", library], capture_output=True, text=True, check=True).stdout
    for line in table.splitlines():
        match = LINE.match(line)
        if match and not match[1].startswith(".data.rel.ro"):
            section, name = match.groups()
            if name != section and not name.startswith(("guard variable for", "DW.ref", "TLS ", ".L")):
                yield name, section


def declarations(sources, name):
    """The lines that declare a variable with this last name and static storage."""
    pattern = re.compile(r"^(?:[^\n/]*\b(?:static|thread_local)\b|(?:const|constexpr|constinit|inline|extern)\b|(?=[\w:]+[ <]))[^/\n=;{]*?\b" + name +
                         r"\s*(?:\[[^\]]*\]\s*)?[={;][^\n]*$", re.M)
    return [match[0] for text in sources for match in pattern.finditer(text)]


def is_constant(declaration, name):
    """const as a whole: not merely a pointer to something const."""
    before = declaration[:re.search(r"\b" + name + r"\b", declaration).start()]
    return "constexpr" in before or re.search(r"\*\s*const\s*$", before) or ("const " in before and "*" not in before.split("const ")[-1])


def main():
    sources = [path.read_text() for folder in FOLDERS for path in pathlib.Path(folder).rglob("*") if path.suffix in (".h", ".cc")]
    wrong, constant = set(), 0
    for library in LIBRARIES:
        for name, section in writable_symbols(library):
            if name in ALLOWED or any(re.match(pattern, name) for pattern, _ in OF_LIBRARIES):
                continue
            last = re.search(r"(\w+)$", re.sub(r"\(.*?\)$|\[abi:\w+\]", "", name))
            found = declarations(sources, last[1]) if last else []
            if found and all(is_constant(line, last[1]) for line in found):
                constant += 1
                continue
            wrong.add(f"{library}: {name} ({section})" + "".join(f"\n    {line.strip()}" for line in found[:3]))
    print("\n".join(sorted(wrong)) if wrong else f"globals: {constant} constant tables, and the {len(ALLOWED)} allowed names")
    return 1 if wrong else 0


sys.exit(main())
