"""Pulls the statistics of a home's audience from its provider, in a process of its own, and says what it took.

Belongs here: one pull. Does not: the provider and its campaigns (stats.py).

Usage: stats_pull.py HOME AUDIENCE_ID; prints {"seconds": s, "cpu": s, "megabytes": n, "calls": n, "least": n,
"sends": n, "events": n} as one line. `least` are the calls that nobody can do without who asks for each document
once, a thousand rows a call.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "contract"))

from mailchimp_push_world import PushWorld
from stats_home import peak_megabytes

from pipelines.stats.pulling import pull_campaigns, pull_details

HEADERS = 3  # folders, reports, campaigns: a call for a thousand of each
LEAST = """
with campaigns as (
    select
        -- domains and links, complaints; recipients and what they did; opens with their kind; opt-outs
        3 + 2 * ceil(sent_count / 1000) + ceil(unique_opens / 1000) + greatest(ceil(opt_outs / 1000), 1) as calls
    from stats.campaigns
),
links as (select ceil(unique_clickers / 1000) as calls from stats.links)
select cast((select sum(calls) from campaigns) + (select coalesce(sum(calls), 0) from links) as bigint)
"""


def pull(folder: Path, audience_id: str) -> dict[str, Any]:
    """What one pull took; `least` counts the headers alone where nothing was read beside them."""
    world = PushWorld(folder)
    started = time.monotonic()
    with world.provider() as provider:
        pull_campaigns(world.home, world.warehouse, provider, world.sync, audience_id)
        pulled = pull_details(world.home, world.warehouse, provider, world.sync, audience_id)
        calls = provider.calls
    seconds = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    with world.warehouse.open() as database:
        details = database.execute(LEAST).fetchall()[0][0] if pulled.campaigns else 0
    return {
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "megabytes": peak_megabytes(),
        "calls": calls,
        "least": HEADERS + details,
        "sends": pulled.sends,
        "events": pulled.events,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(pull(Path(sys.argv[1]), sys.argv[2])))
