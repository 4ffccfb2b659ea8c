# SPDX-License-Identifier: Apache-2.0
"""What is printed: tables, and the facts of the machine."""

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.cpu import Cores
from bench.measure import Measured, Spread


def render(title: str, unit: str, measured: Sequence[Measured], base: Measured | None) -> str:
    """`unit`: request or chunk. `base`: the row that the others are compared with."""
    rows = [("what", f"CPU µs per {unit}", "× nginx", f"{unit}s/s", "bytes out", f"reads per {unit}")]
    for each in measured:
        ratio = _spread(each.times(base), 1) if base is not None else "–"
        rate = f"{each.rate().median:,.0f}"
        reads = f"{each.reads_per_unit():.2f}"
        rows.append((each.row.name, _spread(each.micros(), 1), ratio, rate, f"{each.size:,}", reads))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([title, "", *lines, *_parts(measured), *_faults(measured)])


def facts(cores: Cores, nginx: str | None, wrk: str | None) -> str:
    """The machine, and where what runs."""
    lines = [
        f"machine  {_processor()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}",
        f"python   {platform.python_version()} on {platform.system()} {platform.release()}",
        f"nginx    {_nginx_version(nginx) if nginx else 'not found: the gateway alone is measured'}",
        f"load     {'wrk' if wrk else 'the own client (no wrk found)'} for requests, the own client for streams",
    ]
    if cores.tested == cores.load:
        lines.append("cores    only one: load and upstream disturb what is measured")
    else:
        lines.append(f"cores    system under test on {_core(cores.tested)}, upstream and load on {_core(cores.load)}")
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in _cells(row, widths))
    return "  ".join([first, *rest])


def _cells(row: Sequence[str], widths: Sequence[int]) -> enumerate[tuple[str, int]]:
    return enumerate(zip(row, widths, strict=True))


def _spread(spread: Spread, digits: int) -> str:
    """The median, and between what it varied."""
    return f"{spread.median:.{digits}f} ({spread.least:.{digits}f}–{spread.most:.{digits}f})"


def _parts(measured: Sequence[Measured]) -> list[str]:
    """Which processes the time went to, for systems of several."""
    lines = []
    for each in measured:
        parts = sorted(each.parts().items(), key=lambda part: -part[1])
        if len(parts) > 1:
            lines.append(f"  {each.row.name}: " + ", ".join(f"{name} {micros:.1f}" for name, micros in parts))
    return ["", "CPU µs by process", *lines] if lines else []


def _faults(measured: Sequence[Measured]) -> list[str]:
    lines = [f"  {each.row.name}: {count} × {what}" for each in measured for what, count in each.bad().items()]
    return ["", "ANSWERS THAT WERE NOT RIGHT", *lines] if lines else []


def _core(core: set[int]) -> str:
    return f"core {', '.join(map(str, sorted(core)))}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _nginx_version(path: str) -> str:
    return subprocess.run([path, "-v"], capture_output=True, text=True, check=True).stderr.strip().rpartition(" ")[2]
