"""What the system says about this process. Where it does not tell, the answer is `None`, never zero."""

from __future__ import annotations

import os
import re
from pathlib import Path

_STATUS = Path("/proc/self/status")
_TASKS = Path("/proc/self/task")
_MAPS = Path("/proc/self/maps")


def memory() -> dict[str, int | None]:
    """Resident memory now and at its peak, in bytes (`VmRSS` and `VmHWM`)."""
    try:
        status = _STATUS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        status = ""

    def in_bytes(key: str) -> int | None:
        # A line reads `VmHWM:     1996 kB`, where a kB is 1024 bytes.
        found = re.search(rf"^{key}:\s*(\d+) kB$", status, re.MULTILINE)
        return 1024 * int(found[1]) if found else None

    return {"rss_bytes": in_bytes("VmRSS"), "peak_rss_bytes": in_bytes("VmHWM")}


def cpu_set() -> list[int] | None:
    """The CPUs this process may run on."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def threads_alive() -> int | None:
    """The number of this process's threads."""
    try:
        return sum(1 for _ in _TASKS.iterdir())
    except OSError:
        return None


def mapped_libraries() -> list[str] | None:
    """File names of the shared objects mapped into this process, sorted."""
    try:
        lines = _MAPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    # address, permissions, offset, device, inode, and a path that may hold blanks
    paths = (fields[5] for line in lines if len(fields := line.split(maxsplit=5)) == 6)
    names = {Path(path.removesuffix(" (deleted)")).name for path in paths if path.startswith("/")}
    return sorted(name for name in names if name.endswith(".so") or ".so." in name)
