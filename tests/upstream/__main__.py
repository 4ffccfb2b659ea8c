# SPDX-License-Identifier: Apache-2.0
"""Run the scripted upstream: `python -m upstream --port 0 --ready-file ready.json`."""

import argparse
from pathlib import Path

from upstream.server import serve


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="upstream", description="A scripted stand-in for the AI providers")
    parser.add_argument("--port", type=int, default=0, help="port on loopback; 0 picks a free one")
    parser.add_argument("--ready-file", type=Path, help='gets {"url": ..., "pid": ...} once the server listens')
    parser.add_argument("--no-record", action="store_true", help="keep no record of requests and events")
    parser.add_argument("--with-stdin", action="store_true", help="stop when standard input closes")
    asked = parser.parse_args()
    serve(asked.port, asked.ready_file, not asked.no_record, asked.with_stdin)


if __name__ == "__main__":
    main()
