"""What a process and all below it cost, by proc(5)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def tree(root: int) -> list[int]:
    """`root` and all below it."""
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
    return found


def cpu_seconds(root: int) -> float:
    """Exact, of all threads that live now."""
    total = 0
    for pid in tree(root):
        for entry in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
                total += int(entry.read_text().split()[0])
    return total / 1e9


def own_bytes(root: int) -> int:
    """Memory that belongs to the tree alone: no file's pages, which other programs' runs make look smaller."""
    return _memory(root, "Pss_Anon:")


def pss_bytes(root: int) -> int:
    """Memory of the tree; shared pages count once."""
    return _memory(root, "Pss:")


def _memory(root: int, name: str) -> int:
    total = 0
    for pid in tree(root):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(name):
                total += int(line.split()[1]) * 1024
    return total
