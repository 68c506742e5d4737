"""`make bench`: what a push, a plan, judging addresses and statistics cost, beside the least that the same work could.

Belongs here: which parts are run, and how large. Does not: the parts (push.py, mailup_push.py, plan.py, addresses.py,
stats.py).

Usage: python tests/benchmark [push] [mailup] [addresses] [plan] [stats] [--sizes 100000 1000000 10000000]
[--campaigns 100]; no part named: all.
Figures are of one run on one machine: the ratios are the result, the seconds are not a test.
"""

import argparse
import tempfile
from pathlib import Path

import addresses
import mailup_push
import plan
import push
import stats
from rich.console import Console

PARTS = ("push", "mailup", "addresses", "plan", "stats")
SIZES = (100_000, 1_000_000, 10_000_000)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests/benchmark")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="which parts; all if none is named")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, metavar="N", help="contacts to plan for")
    parser.add_argument("--campaigns", type=int, default=stats.CAMPAIGNS, metavar="N", help="to 50,000 people each")
    asked = parser.parse_args()
    screen = Console(width=max(Console().width, 110))
    with tempfile.TemporaryDirectory(prefix="enlist-bench-") as scratch:
        for part in asked.parts or PARTS:
            if part == "push":
                push.show(screen, push.bench(screen, Path(scratch)))
            elif part == "mailup":
                mailup_push.show(screen, mailup_push.bench(screen, Path(scratch)))
            elif part == "addresses":
                addresses.show(screen, addresses.bench(screen, Path(scratch)))
            elif part == "stats":
                stats.show(screen, stats.bench(screen, Path(scratch), asked.campaigns))
            else:
                plan.show(screen, plan.bench(screen, Path(scratch), asked.sizes))
