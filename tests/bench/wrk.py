# SPDX-License-Identifier: Apache-2.0
"""wrk as the load of whole requests."""

import math
import re
import subprocess
from pathlib import Path

from bench.load import Job, Outcome

SCRIPT = """\
wrk.method = "POST"
wrk.body = io.open({body}):read("*a")
{headers}
"""
DONE = re.compile(r"(\d+) requests in ([\d.]+)(ms|s|m)")
REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
LOST = re.compile(r"Socket errors: (.*)")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def run(wrk: str, job: Job, directory: Path) -> Outcome:
    """One thread, for `job.seconds` (whole ones, as wrk takes no others)."""
    body, script = directory / "body.json", directory / "post.lua"
    body.write_text(job.body)
    headers = "\n".join(f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in job.headers.items())
    script.write_text(SCRIPT.format(body=_lua(str(body)), headers=headers))
    seconds = max(1, math.ceil(job.seconds))
    command = [wrk, "-t1", f"-c{job.workers}", f"-d{seconds}s", "-s", str(script), job.url + job.target]
    return outcome(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def outcome(told: str) -> Outcome:
    """What wrk printed. Raises ValueError when it is not understood."""
    done = DONE.search(told)
    if done is None:
        raise ValueError(f"wrk said: {told}")
    refused = REFUSED.search(told)
    bad = {"not a 2xx": int(refused[1])} if refused else {}
    if lost := LOST.search(told):
        bad[f"wrk: socket errors {lost[1]}"] = sum(map(int, re.findall(r"\d+", lost[1])))
    seconds = float(done[2]) * UNITS[done[3]]
    return Outcome(int(done[1]) - sum(bad.values()), bad, int(done[1]), seconds)


def _lua(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
