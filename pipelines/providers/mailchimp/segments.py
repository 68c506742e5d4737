"""Tags in bulk: a tag is a static segment, and one call adds or removes 500 members.

Belongs here: finding or making the segment, the calls, which rows they confirmed. Does not: the outcome of a change
(writing.py), other kinds of segments.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.http.client import RefusedError
from pipelines.providers.base import Change, Op
from pipelines.providers.mailchimp.client import Client, document
from pipelines.providers.mailchimp.paging import Listing, read
from pipelines.providers.mailchimp.reading import audience_path
from pipelines.providers.mailchimp.values import same

_SIDE: Mapping[Op, tuple[str, str]] = {
    "tag": ("members_to_add", "members_added"),
    "untag": ("members_to_remove", "members_removed"),
}


class Segments:
    """The static segments of an account, looked up once per audience. Thread safe."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ids: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()

    def send(
        self, audience_id: str, op: Op, tag: str, changes: Sequence[Change], *, is_second: bool = False
    ) -> set[str]:
        """Add or remove one tag in one call; the ids of the changes that Mailchimp confirmed.

        The others may have had the tag before, or be gone: Mailchimp ignores unknown addresses without a word.
        """
        side, done = _SIDE[op]
        addresses = [change.email for change in changes]
        segment = self._segment(audience_id, tag, create=op == "tag")
        if segment is None:  # nobody can have a tag that does not exist
            return {change.change_id for change in changes}
        try:
            body = self._post(audience_id, segment, side, addresses)
        except RefusedError as error:
            if error.status != 404 or is_second:
                raise
            # Somebody deleted the tag since we looked: look again, once. Unknown audiences fail there.
            self._forget(audience_id)
            return self.send(audience_id, op, tag, changes, is_second=True)
        confirmed = {same(str(item["email_address"])) for item in body.get(done) or ()}
        return {change.change_id for change in changes if same(change.email) in confirmed}

    def _post(self, audience_id: str, segment: int, side: str, addresses: list[str]) -> Mapping[str, Any]:
        return document(
            self._client.call("POST", f"{audience_path(audience_id)}/segments/{segment}", json={side: addresses})
        )

    def _segment(self, audience_id: str, tag: str, *, create: bool) -> int | None:
        with self._lock:
            known = self._ids.get(audience_id)
            if known is None:
                known = self._ids[audience_id] = self._look_up(audience_id)
            # Mailchimp may change the letter case of a tag.
            if tag.lower() not in known and create:
                known[tag.lower()] = self._create(audience_id, tag)
            return known.get(tag.lower())

    def _forget(self, audience_id: str) -> None:
        with self._lock:
            self._ids.pop(audience_id, None)

    def _look_up(self, audience_id: str) -> dict[str, int]:
        query = {"type": "static", "fields": "total_items,segments.id,segments.name"}
        listing = Listing(
            f"{audience_path(audience_id)}/segments", "segments", lambda item: str(item["id"]), query, strict=True
        )
        return {str(item["name"]).lower(): int(item["id"]) for page in read(self._client, listing) for item in page}

    def _create(self, audience_id: str, tag: str) -> int:
        path = f"{audience_path(audience_id)}/segments"
        try:
            answer = self._client.call("POST", path, json={"name": tag, "static_segment": []})
        except RefusedError:
            # Made by another run, or by our own try whose answer was lost.
            found = self._look_up(audience_id).get(tag.lower())
            if found is None:
                raise
            return found
        return int(document(answer)["id"])
