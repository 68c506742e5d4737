"""What `enlist block` says of the audiences where the address is mailed: only of those that the block reaches.

Belongs here: how far a block is told to reach. Does not: the commands as a whole (integration/test_people.py), what a
block does to the plan (test_plan_blocks.py).
"""

import pytest

from pipelines.cli.consenting import mailed_within
from pipelines.ledger.blocks import Reach

PLACES = [
    {"sync": sync, "connection": connection, "audience_id": audience, "status": status}
    for sync, connection, audience, status in (
        ("people", "chimp", "A1", "subscribed"),
        ("readers", "chimp", "A2", "pending"),
        ("members", "mup", "A1", "subscribed"),
        ("former", "chimp", "A3", "unsubscribed"),
    )
]


@pytest.mark.parametrize(
    ("reach", "syncs"),
    [
        (Reach(), ["people", "readers", "members"]),
        (Reach("account", "chimp"), ["people", "readers"]),
        (Reach("audience", "chimp", "A1"), ["people"]),
    ],
    ids=str,
)
def test_a_block_promises_nothing_where_it_does_not_reach(reach: Reach, syncs: list[str]) -> None:
    assert [place["sync"] for place in mailed_within(reach, PLACES)] == syncs
