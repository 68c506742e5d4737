"""What tests of sending share: a provider on a test's own server, changes, and documents as Mailchimp writes them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loopback import Loopback, Received, Reply

from pipelines.config.connections import MailchimpConnection
from pipelines.http.client import Patience
from pipelines.providers.base import Change, Op, Outcome
from pipelines.providers.mailchimp.provider import MailchimpProvider
from pipelines.providers.mailchimp.values import member_id

KEY = "0123456789abcdef0123456789abcdef-us1"
SUBSCRIBED = {"status": "subscribed", "fields": {"FNAME": "Ann"}}


@contextmanager
def provider(server: Loopback, folder: Path, attempts: int = 2, **settings: Any) -> Iterator[MailchimpProvider]:
    connection = MailchimpConnection(kind="mailchimp", api_key=KEY, url=server.url, **settings)
    patience = Patience(connect_timeout=2, read_timeout=2, max_attempts=attempts, wait=lambda _: None)
    opened = MailchimpProvider("test", connection, folder, patience=patience)
    try:
        yield opened
    finally:
        opened.close()


def change(name: str, op: Op, before: Any, after: Any, provider_id: str | None = None) -> Change:
    email = f"{name}@People.example"
    return Change(f"c-{name}", op, email, email.lower(), provider_id, before, after)


def add(name: str, before: Any = None) -> Change:
    return change(name, "add", before, SUBSCRIBED)


def update(name: str, status: str | None = None) -> Change:
    before: dict[str, Any] = {"fields": {"FNAME": "Old"}}
    return change(name, "update", before | ({"status": status} if status else {}), {"fields": {"FNAME": "Ann"}})


def document(name: str, **more: Any) -> dict[str, Any]:
    email = f"{name}@people.example"
    return {
        "id": member_id(email),
        "contact_id": name,
        "email_address": email,
        "status": "subscribed",
        "merge_fields": {"FNAME": "Ann"},
        "tags": [],
        "tags_count": 0,
        **more,
    }


def answered(new: list[Any] | None = None, updated: list[Any] | None = None, errors: list[Any] | None = None) -> Reply:
    return Reply(body={"new_members": new or [], "updated_members": updated or [], "errors": errors or []})


def push(opened: MailchimpProvider, *changes: Change) -> dict[str, Outcome]:
    outcomes = [outcome for batch in opened.batches("a1", changes) for outcome in opened.send("a1", batch)]
    assert sorted(outcome.change_id for outcome in outcomes) == sorted(change.change_id for change in changes)
    return {outcome.change_id.removeprefix("c-"): outcome for outcome in outcomes}


def brief(outcomes: dict[str, Outcome]) -> dict[str, tuple[str, str | None]]:
    return {name: (outcome.outcome, outcome.code) for name, outcome in outcomes.items()}


def by_path(*routes: tuple[str, str, Reply]) -> Callable[[Received], Reply]:
    """Answers by method and end of the path; 404 elsewhere."""

    def answer(request: Received) -> Reply:
        for method, end, reply in routes:
            if request.method == method and request.path.endswith(end):
                return reply
        return Reply(404, {"title": "Resource Not Found", "detail": "The requested resource could not be found."})

    return answer
