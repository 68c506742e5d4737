"""The loop that one would write with Mailchimp's own Python client: one call for each member.

Belongs here: that loop. Does not: batches, retries, connections side by side, which the client does not have.

Usage: official_client.py URL LIST_ID add|tag FIRST LAST; prints the seconds it took.
"""

import sys
import time
from hashlib import md5

import mailchimp_marketing  # type: ignore[import-untyped]

from pipelines.sandbox.mailchimp.seeding import API_KEY


def loop(url: str, list_id: str, what: str, first: int, last: int) -> float:
    """Add or tag the members with these numbers, one after the other; seconds."""
    client = mailchimp_marketing.Client({"api_key": API_KEY, "timeout": 120})
    client.api_client.host = f"{url}/mailchimp/3.0"
    started = time.monotonic()
    for number in range(first, last):
        address = f"official{number}@people.example"
        member_id = md5(address.encode(), usedforsecurity=False).hexdigest()
        if what == "add":
            fields = {"FNAME": f"official{number}"}
            member = {"email_address": address, "status_if_new": "subscribed", "merge_fields": fields}
            client.lists.set_list_member(list_id, member_id, member)
        else:
            tags = {"tags": [{"name": "Official", "status": "active"}]}
            client.lists.update_list_member_tags(list_id, member_id, tags)
    return time.monotonic() - started


if __name__ == "__main__":
    address, audience, op, start, end = sys.argv[1:]
    sys.stdout.write(str(loop(address, audience, op, int(start), int(end))))
