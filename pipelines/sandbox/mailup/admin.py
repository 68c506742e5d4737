"""The back stage of the MailUp simulator: /sandbox/mailup/...

Belongs here: pages for rehearsals and tests. Does not: anything that MailUp's API has.

    POST   act        {list_id, email, act, ...}: a person or a marketer does something (acts.py)
    POST   people     {list_id, recipients: [as the API takes them], group_id}: puts them there, outside the history
    GET    people     ?list_id=N[&email=...]: everybody in the list with status, groups and fields
    POST   lists, groups   {name} and {list_id, name, deletable}; DELETE lists {list_id}, groups {group_id}
    POST   campaigns  {list_id, subject, content, group_ids}: writes a message and sends it; {"idMessage", "Sent", ...}
    POST   fields     {id, description}: names a dynamic field
    POST   tokens     {how: expire | revoke}: ends the tokens that were given out
    POST   imports    {next: [stall | fail | half]} for the coming ones, {finish: true} for those that wait
    GET    resubscribed   whom a call of the API subscribed after they were unsubscribed or had said no
    ...    history, stats, faults, switches: see sandbox/watching.py
"""

from typing import Any

from starlette.routing import Route

from pipelines.sandbox.backstage import Visit, page
from pipelines.sandbox.mailup.simulator import Mailup
from pipelines.sandbox.watching import watching_routes

ROOT = "/sandbox/mailup"


def admin_routes(mailup: Mailup) -> list[Route]:
    """Its pages."""

    def act(visit: Visit) -> dict[str, Any]:
        options = dict(visit.body)
        list_id, email, what = int(options.pop("list_id")), str(options.pop("email")), str(options.pop("act"))
        return {"recipient": mailup.act(list_id, email, what, **options)}

    def people(visit: Visit) -> dict[str, Any]:
        if visit.method == "POST":
            body = visit.body
            mailup.add_recipients(int(body["list_id"]), body["recipients"], int(body.get("group_id", 0)))
            return {"added": len(body["recipients"])}
        list_id = int(visit.query["list_id"])
        if "email" in visit.query:
            return {"recipient": mailup.recipient(list_id, visit.query["email"])}
        return {"recipients": mailup.recipients(list_id)}

    def resubscribed(_: Visit) -> dict[str, Any]:
        return {"resubscribed": mailup.resubscribed()}

    return [
        page(f"{ROOT}/act", act, ("POST",)),
        page(f"{ROOT}/people", people, ("GET", "POST")),
        page(f"{ROOT}/resubscribed", resubscribed),
        *watching_routes(ROOT, mailup),
        *_console_routes(mailup),
    ]


def _console_routes(mailup: Mailup) -> list[Route]:
    def lists(visit: Visit) -> dict[str, Any]:
        if visit.method == "DELETE":
            mailup.delete_list(int(visit.body["list_id"]))
            return {"deleted": True}
        return {"list_id": mailup.add_list(str(visit.body["name"]))}

    def groups(visit: Visit) -> dict[str, Any]:
        body = visit.body
        if visit.method == "DELETE":
            mailup.delete_group(int(body["group_id"]))
            return {"deleted": True}
        deletable = bool(body.get("deletable", True))
        return {"group_id": mailup.add_group(int(body["list_id"]), str(body["name"]), deletable=deletable)}

    def campaigns(visit: Visit) -> dict[str, Any]:
        body = visit.body
        group_ids = [int(number) for number in body.get("group_ids", ())]
        return mailup.send_campaign(int(body["list_id"]), str(body["subject"]), str(body.get("content", "")), group_ids)

    def fields(visit: Visit) -> dict[str, Any]:
        mailup.name_field(int(visit.body["id"]), str(visit.body["description"]))
        return {"named": True}

    def tokens(visit: Visit) -> dict[str, Any]:
        mailup.expire_tokens(visit.body.get("how", "expire"))
        return {"ended": True}

    def imports(visit: Visit) -> dict[str, Any]:
        mailup.next_imports(*visit.body.get("next", ()))
        if visit.body.get("finish"):
            mailup.finish_imports()
        return {"set": True}

    return [
        page(f"{ROOT}/lists", lists, ("POST", "DELETE")),
        page(f"{ROOT}/groups", groups, ("POST", "DELETE")),
        page(f"{ROOT}/campaigns", campaigns, ("POST",)),
        page(f"{ROOT}/fields", fields, ("POST",)),
        page(f"{ROOT}/tokens", tokens, ("POST",)),
        page(f"{ROOT}/imports", imports, ("POST",)),
    ]
