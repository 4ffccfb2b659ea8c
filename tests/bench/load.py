# SPDX-License-Identifier: Apache-2.0
"""The load, a process of its own: a job as JSON on standard input, what came of it as JSON on standard output.

Streams are read to their end and compared byte for byte with what the upstream sent. Whole requests are sent from here
only where there is no wrk.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any

import uvloop
from msgspec import Struct, convert, to_builtins

from aigw_kit.http import HttpClient, HttpError

TIMEOUT = 30.0


class Job(Struct):
    """`workers` connections at a time, `each` requests on every one, or as many as fit into `seconds` if that is 0."""

    url: str
    target: str
    headers: dict[str, str]
    body: str
    stream: bool
    workers: int
    each: int = 0
    seconds: float = 0.0
    stagger: float = 0.0  # seconds over which the first requests are spread, so that streams do not beat together
    exact: str = ""  # the body that every answer must have
    ending: str = ""  # where that is not known: how it must end


class Outcome(Struct):
    """`reads`: how many times something arrived. `seconds`: from the first request to the last answer."""

    good: int = 0
    bad: dict[str, int] = {}
    reads: int = 0
    seconds: float = 0.0
    size: int = 0  # bytes of the last body


class Load:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._client = HttpClient(job.url, limit=job.workers)
        self._headers = [(name.encode(), value.encode()) for name, value in job.headers.items()]
        self._body = job.body.encode()
        self._exact = job.exact.encode()
        self._ending = job.ending.encode()
        self._bad: Counter[str] = Counter()
        self._outcome = Outcome()

    async def run(self) -> Outcome:
        began = time.monotonic()
        job = self._job
        until = began + job.seconds
        await asyncio.gather(*(self._work(job.stagger * n / job.workers, until) for n in range(job.workers)))
        self._client.close()
        self._outcome.seconds = time.monotonic() - began
        self._outcome.bad = dict(self._bad)
        return self._outcome

    async def _work(self, after: float, until: float) -> None:
        await asyncio.sleep(after)
        done = 0
        while done < self._job.each or (not self._job.each and time.monotonic() < until):
            done += 1
            try:
                status, body = await (self._stream() if self._job.stream else self._whole())
            except HttpError as error:
                self._bad[f"{type(error).__name__}: {error}"] += 1
            else:
                self._judge(status, body)

    async def _stream(self) -> tuple[int, bytes]:
        target = self._job.target.encode()
        response = await self._client.stream(b"POST", target, self._headers, self._body, TIMEOUT)
        parts = []
        while part := await response.chunk():
            parts.append(part)
        self._outcome.reads += len(parts)
        return response.status, b"".join(parts)

    async def _whole(self) -> tuple[int, bytes]:
        target = self._job.target.encode()
        response, body = await self._client.request(b"POST", target, self._headers, self._body, TIMEOUT)
        self._outcome.reads += 1
        return response.status, body

    def _judge(self, status: int, body: bytes) -> None:
        self._outcome.size = len(body)
        if status != 200:
            self._bad[f"status {status}"] += 1
        elif (self._exact and body != self._exact) or not body.endswith(self._ending):
            self._bad["not what the upstream sent"] += 1
        else:
            self._outcome.good += 1


def main() -> None:
    job: Any = convert(json.load(sys.stdin), Job)
    json.dump(to_builtins(uvloop.run(Load(job).run())), sys.stdout)


if __name__ == "__main__":
    main()
