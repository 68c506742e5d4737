"""How a member looks in answers; keys in the order that was observed.

Belongs here: the three forms of the member document. Does not: rules (members.py), paging (member_routes.py).
"""

from pipelines.sandbox.mailchimp.links import link
from pipelines.sandbox.mailchimp.model import Json, Member
from pipelines.sandbox.mailchimp.state import State, address_hash, md5

BATCH_LACKS = ("full_name", "web_id", "unsubscribe_reason", "consents_to_one_to_one_messaging", "source")
SEGMENT_LACKS = ("contact_id", "web_id", "unsubscribe_reason", "consents_to_one_to_one_messaging", "source")
SCHEMA = "Lists/Members/Response"


def unique_email_id(seed: int, email_address: str) -> str:
    """10 hex, the same in all audiences, another one when the address changes."""
    return md5(f"{seed}:address:{email_address.lower()}")[:10]


class Renderer:
    """Members of one audience as documents; made once for a page, since fields and tags are the audience's."""

    def __init__(self, state: State, list_id: str, *, with_links: bool = True) -> None:
        self._state = state
        self._now = state.stamp()
        self._fields = [(str(field.merge_id), field.tag) for field in state.fields_of(list_id)]
        self._interests = [interest.id for interest in state.interests_of(list_id)]
        self._tag_names = {str(segment.id): segment.name for segment in state.segments_of(list_id)}
        self._with_links = with_links

    def merge_fields(self, member: Member) -> Json:
        """All fields of the audience, "" where unset, whatever the type."""
        return {tag: member.merge_values.get(key, "") for key, tag in self._fields}

    def full(self, member: Member) -> Json:
        """As the member endpoints show it."""
        merge_fields = self.merge_fields(member)
        names = (str(merge_fields.get(tag, "")) for tag in ("FNAME", "LNAME"))
        tags = [{"id": int(key), "name": self._tag_names[key]} for key in member.tags]
        document: Json = {
            "id": address_hash(member.email_address),
            "email_address": member.email_address,
            "unique_email_id": unique_email_id(self._state.seed, member.email_address),
            "contact_id": member.contact_id,
            "full_name": " ".join(name for name in names if name),
            "web_id": member.web_id,
            "email_type": member.email_type,
            "status": member.status,
        }
        if member.status == "unsubscribed":
            document["unsubscribe_reason"] = member.unsubscribe_reason
        document["consents_to_one_to_one_messaging"] = True
        document["merge_fields"] = merge_fields
        if self._interests:
            document["interests"] = {key: key in member.interests for key in self._interests}
        return document | {
            "stats": self._stats(member),
            "ip_signup": member.ip_signup,
            "timestamp_signup": member.timestamp_signup,
            "ip_opt": member.ip_opt,
            "timestamp_opt": member.timestamp_opt,
            "member_rating": 2,
            "last_changed": member.last_changed,
            "language": member.language,
            "vip": member.vip,
            "email_client": "",
            "location": _location(member),
            "source": member.source,
            "tags_count": len(tags),
            "tags": tags,
            "list_id": member.list_id,
            **({"_links": _links(document["id"], member.list_id)} if self._with_links else {}),
        }

    def in_batch(self, member: Member) -> Json:
        """As the answers of batch calls show it: without the keys that their schema lacks."""
        document = self.full(member)
        del document["location"]["region"]
        return {key: value for key, value in document.items() if key not in BATCH_LACKS}

    def in_segment(self, member: Member) -> Json:
        """As the members of a segment are shown."""
        document = self.full(member)
        del document["location"]["region"]
        return {key: value for key, value in document.items() if key not in (*SEGMENT_LACKS, "tags_count", "tags")}

    def _stats(self, member: Member) -> Json:
        received = [delivery for delivery in self._state.deliveries.to(member.contact_id) if not delivery.bounce]
        if not received:
            return {"avg_open_rate": 0, "avg_click_rate": 0}
        opened = sum(any(event["at"] <= self._now for event in delivery.opens) for delivery in received)
        clicked = sum(any(event["at"] <= self._now for event in delivery.clicks) for delivery in received)
        rates = (round(opened / len(received), 4), round(clicked / len(received), 4))
        return {"avg_open_rate": rates[0], "avg_click_rate": rates[1]}


def _location(member: Member) -> Json:
    return {
        "latitude": member.latitude,
        "longitude": member.longitude,
        "gmtoff": 0,
        "dstoff": 0,
        "country_code": "",
        "timezone": "",
        "region": "",
    }


def _links(member_id: str, list_id: str) -> list[Json]:
    parent = f"/lists/{list_id}/members"
    own = f"{parent}/{member_id}"
    return [
        link("self", own, schema=SCHEMA),
        link("parent", parent, schema="Lists/Members/CollectionResponse"),
        link("update", own, "PATCH", SCHEMA),
        link("upsert", own, "PUT", SCHEMA),
        link("delete", own, "DELETE"),
        link("activity", f"{own}/activity", schema="Lists/Members/Activity/Response"),
        link("goals", f"{own}/goals", schema="Lists/Members/Goals/Response"),
        link("notes", f"{own}/notes", schema="Lists/Members/Notes/CollectionResponse"),
        link("events", f"{own}/events", "POST", "Lists/Members/Events/POST"),
        link("delete_permanent", f"{own}/actions/delete-permanent", "POST"),
    ]
