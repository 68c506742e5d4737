"""POST /lists/{list_id}: up to 500 members in one call, each with its own fate in a 200.

Belongs here: what differs from single members. Does not: the rules that are the same (members.py).
"""

from dataclasses import dataclass, field
from typing import Any

from pipelines.sandbox.mailchimp import members, problems
from pipelines.sandbox.mailchimp.addresses import is_role
from pipelines.sandbox.mailchimp.languages import message, sentence
from pipelines.sandbox.mailchimp.lookup import audience_at
from pipelines.sandbox.mailchimp.member_document import Renderer
from pipelines.sandbox.mailchimp.model import Json, Member
from pipelines.sandbox.mailchimp.problems import MERGE_INVALID, Problem
from pipelines.sandbox.mailchimp.query import Asked, is_true, wants
from pipelines.sandbox.mailchimp.schema import problem_of_member
from pipelines.sandbox.mailchimp.segments import tag_member, take_out
from pipelines.sandbox.mailchimp.state import State, address_hash

MAX_MEMBERS = 500
EXISTS = "{} is already a list member, do you want to update? please provide update_existing:true in the request body"


class Exists(Problem):
    """The address is on the list and update_existing is off; the one refusal that has a code of its own."""


@dataclass
class Import:
    """One call while it goes through its members."""

    state: State
    list_id: str
    ip: str
    update_existing: bool
    sync_tags: bool
    skip: bool
    created: list[Member] = field(default_factory=list)
    updated: list[Member] = field(default_factory=list)
    errors: list[Json] = field(default_factory=list)

    def take(self, item: Any) -> None:
        """Adds or updates one member, or notes why not."""
        try:
            problem = problem_of_member(item, required=("email_address",))
            if problem:
                raise problem
            self._take(item)
        except Problem as refusal:
            self.errors.append(self.error_of(item, refusal))

    def _take(self, item: Json) -> None:
        email_address, state = item["email_address"], self.state
        member = state.members.at(self.list_id, email_address)
        if member is None:
            self._refuse_import(item)
            self.created.append(
                members.add(state, self.list_id, item, item["status"], ip=self.ip, skip=self.skip, source="Import")
            )
        elif member.status == "archived" and state.switches.batch_revives_archived and "status" in item:
            members.revive(state, member, item, skip=self.skip)
            self.created.append(member)
        elif not self.update_existing:
            raise Exists(400, "Member Exists", EXISTS.format(email_address))
        else:
            self._update(member, item)
            self.updated.append(member)

    def _refuse_import(self, item: Json) -> None:
        if "status" not in item:
            raise problems.invalid("status", "Required fields were not provided: status")
        if is_role(item["email_address"]) and not self.state.switches.batch_takes_roles:
            raise problems.invalid_detail(f"{item['email_address']} is a role address and can't be imported.")

    def _update(self, member: Member, item: Json) -> None:
        if "status" not in item:
            match self.state.switches.batch_without_status:
                case "refused":
                    raise problems.invalid("status", "Required fields were not provided: status")
                case "subscribes":
                    item = item | {"status": "subscribed"}
        members.update(self.state, member, item, skip=self.skip)
        for name in item.get("tags", ()):
            tag_member(self.state, member, name)
        if self.sync_tags and "tags" in item:
            wanted = {name.lower() for name in item["tags"]}
            for segment in self.state.segments_of(self.list_id):
                if segment.name.lower() not in wanted:
                    take_out(self.state, segment, member)

    def error_of(self, item: Any, refusal: Problem) -> Json:
        """The entry in `errors` for one that was refused."""
        email_address = item.get("email_address", "") if isinstance(item, dict) else ""
        is_merge, switches = refusal.detail == MERGE_INVALID, self.state.switches
        return {
            "email_address": email_address,
            "error": sentence(refusal.detail, switches),
            "error_code": "ERROR_CONTACT_EXISTS" if isinstance(refusal, Exists) else switches.refusal_code,
            "field": refusal.errors[0]["field"] if is_merge else "",
            "field_message": message(refusal.errors[0]["message"], switches) if is_merge else "",
        }


def post_members(state: State, asked: Asked) -> Json:
    """POST /lists/{list_id}: always 200; who was refused stands in `errors`."""
    list_id = audience_at(state, asked).id
    body = asked.object("members")
    items = body["members"]
    if not isinstance(items, list) or len(items) > MAX_MEMBERS:
        raise problems.invalid("members", f"Schema describes array of at most {MAX_MEMBERS} members")
    work = Import(
        state,
        list_id,
        asked.ip,
        update_existing=body.get("update_existing") is True,
        sync_tags=body.get("sync_tags") is True,
        skip=is_true(asked.query, "skip_merge_validation"),
    )
    seen: set[str] = set()
    for item in items:
        key = _key(item)
        if key not in seen:
            work.take(item)
        elif not is_true(asked.query, "skip_duplicate_check"):
            duplicate = problems.invalid_detail(f"{item['email_address']} appears more than once in this request.")
            work.errors.append(work.error_of(item, duplicate))
        seen |= {key} if key else set()
    return _answer(work, asked)


def _key(item: Any) -> str:
    address = item.get("email_address") if isinstance(item, dict) else None
    return address_hash(address) if isinstance(address, str) else ""


def _answer(work: Import, asked: Asked) -> Json:
    show = Renderer(work.state, work.list_id, with_links=wants(asked.query, "new_members", "_links")).in_batch
    return {
        "new_members": [show(member) for member in work.created],
        "updated_members": [show(member) for member in work.updated],
        "errors": work.errors,
        "total_created": len(work.created),
        "total_updated": len(work.updated),
        "error_count": len(work.errors),
        "_links": [],
    }
