"""A process of another user's, which does one thing and then waits to be killed.

Belongs here: starting and ending it. Does not: tests.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCKING = """
import sys
from pathlib import Path
from pipelines import locks
with locks.held(Path(sys.argv[1]), wait=0, busy="busy"):
    print("ready", flush=True)
    sys.stdin.read()
"""
OPENING = """
import sys
import duckdb
with duckdb.connect(sys.argv[1]):
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(code: str, path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that has done `code` to `path`; it goes on until it is killed, at the latest here."""
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
