# SPDX-License-Identifier: Apache-2.0
"""The bench runs, and all that it counted was answered as it should. Nothing about time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import responder, wrk
from bench.systems import TESTS, nginx_path

pytestmark = pytest.mark.bench

SMALL = ["--seconds=0.2", "--rounds=1", "--connections=2", "--streams=4", "--chunks=5", "--pace-ms=5"]


def test_small_run(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    command = [sys.executable, "-m", "bench", *SMALL, "--out", str(out)]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results: dict[str, list[dict[str, Any]]] = json.loads(out.read_text())
    systems = (["nginx, one hop"] if nginx_path() else []) + ["AI Gateway, code completion", "AI Gateway, proxy"]
    for kind in ("json", "stream"):
        rows = results[kind]
        assert [row["what"] for row in rows if "Gateway" in row["what"] or "nginx" in row["what"]] == systems
        for row in rows:
            assert row["bad"] == {}
            assert row["good"] > 0
            assert row["cpu_micros"]["median"] > 0
    assert all(row["good"] == 4 * 8 for row in results["stream"]), "4 streams at a time, 8 times in 0.2 s"
    assert "× nginx" in done.stdout


def test_what_wrk_says_is_read() -> None:
    told = "  4123 requests in 1.10s, 4.02MB read\n  Socket errors: connect 0, read 1, write 0, timeout 2\n"
    good = wrk.outcome(told)
    assert (good.good, good.seconds, sum(good.bad.values())) == (4120, 1.1, 3)
    refused = wrk.outcome("  10 requests in 900.00ms, 1KB read\n  Non-2xx or 3xx responses: 4\n")
    assert (refused.good, refused.seconds, refused.bad) == (6, 0.9, {"not a 2xx": 4})
    with pytest.raises(ValueError, match="unable to connect"):
        wrk.outcome("unable to connect to 127.0.0.1:1 Connection refused")


def test_the_streamed_answer_has_all_chunks() -> None:
    events = responder.events(7, 70)
    assert events.count(b"event: content_block_delta\n") == 7
    assert len(responder.text(7, 70)) == 70
