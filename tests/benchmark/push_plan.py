"""Pushes the newest plan of a home, and says how long that took and how much memory this process ever had.

Belongs here: one push as `enlist push` does it, in a process of its own, so that nothing else is measured. Does not:
planning, the provider's pace.

Usage: push_plan.py HOME RUN_ID; prints {"seconds": s, "applied": n, "megabytes": n} as one line of JSON.
"""

import json
import resource
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "contract"))

from mailchimp_push_world import PushWorld

if __name__ == "__main__":
    world = PushWorld(Path(sys.argv[1]))
    started = time.monotonic()
    with world.provider() as provider:
        result = world.push(provider, sys.argv[2])
    seconds = time.monotonic() - started
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "applied": result.outcomes["applied"], "megabytes": megabytes}))
