"""`make bench`: what a push and a plan cost, beside the least that anything could do for the same work.

Belongs here: which parts are run, and how large. Does not: the parts (push.py, mailup_push.py, plan.py).

Usage: python tests/benchmark [push] [mailup] [plan] [--sizes 100000 1000000 10000000]; no part named: all.
Figures are of one run on one machine: the ratios are the result, the seconds are not a test.
"""

import argparse
import tempfile
from pathlib import Path

import mailup_push
import plan
import push
from rich.console import Console

PARTS = ("push", "mailup", "plan")
SIZES = (100_000, 1_000_000, 10_000_000)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests/benchmark")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="which parts; all if none is named")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, metavar="N", help="contacts to plan for")
    asked = parser.parse_args()
    screen = Console(width=max(Console().width, 110))
    with tempfile.TemporaryDirectory(prefix="enlist-bench-") as scratch:
        for part in asked.parts or PARTS:
            if part == "push":
                push.show(screen, push.bench(screen, Path(scratch)))
            elif part == "mailup":
                mailup_push.show(screen, mailup_push.bench(screen, Path(scratch)))
            else:
                plan.show(screen, plan.bench(screen, Path(scratch), asked.sizes))
