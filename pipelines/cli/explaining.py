"""`enlist explain`: one person's whole story, from the CRM record to the last click.

Belongs here: the command, and drawing the story. Does not: gathering it (sync/explaining.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.cli.addresses import judged
from pipelines.cli.options import AddressArgument, HomeOption, JsonOption, RevealOption
from pipelines.cli.output import Output, command, escape
from pipelines.cli.rows import difference
from pipelines.config import find_root, load_home
from pipelines.words import counted

Row = Mapping[str, Any]

IN_USE = ("pending", "applying", "partly_applied", "refused")
LEFT_BY = {
    "archive": "we archived the member",
    "unsubscribe": "we unsubscribed the member",
    "rename": "the person has another address",
    "delete": "we deleted the member for good",
}
EVENTS = {
    "opt_out": "said no",
    "bounce": "the address bounced",
    "complaint": "complained",
    "block": "blocked by hand",
    "erase": "erased",
    "release": "released",
}
HELD = {
    "refused_before": "it refused this before",
    "changed_in_crm": "somebody took back there what was written",
    "handed_out": "a person has it on a work-list",
}


def explain(
    email: AddressArgument, reveal: RevealOption = False, home: HomeOption = None, json: JsonOption = False
) -> int:
    """One person's whole story: CRM rows, the rule that decided, plans, calls, answers, consent, sends and clicks.

    An address that nobody knows is no error: it says so.
    """
    from pipelines.ledger import load
    from pipelines.sync import explaining

    output = Output(is_json=json, reveal=reveal)
    loaded = load_home(find_root(home), check=False)
    address = judged(email)
    with load.opened(loaded) as connection:
        story = explaining.explain(connection, loaded, address)
    _show_address(output, story)
    if not story["is_known"]:
        output.say("Nobody knows this address: no CRM record of a sync has it, nothing was sent to it, nobody said no.")
        return output.finish(story)
    for sync in story["syncs"]:
        _show_sync(output, sync)
    _show_consent(output, story["suppressions"])
    for hold in story["write_back_holds"]:
        place = escape(output.masked(_place(hold)))
        output.say(f"[yellow]![/yellow] {hold['sync']} leaves the CRM as it is: {HELD[hold['reason']]} ({place})")
    _show_story(output, story)
    return output.finish(story)


def _show_address(output: Output, story: Row) -> None:
    address, (email_key, *others) = story["address"], story["email_keys"]
    output.say(f"[bold]{output.shown(email_key)}[/bold]")
    if address["verdict"] != "ok" or address["detail"]:
        meant = f" Perhaps {output.shown(address['suggestion'])} is meant." if address["suggestion"] else ""
        output.say(f"[yellow]![/yellow] {address['verdict']}: {escape(address['detail'] or '')}{meant}")
    if others:
        output.say(f"The same CRM record has or had: {', '.join(output.shown(key) for key in others)}")


def _show_sync(output: Output, sync: Row) -> None:
    output.say()
    place = f"audience {sync['audience_id']} of {sync['connection']}" if sync["audience_id"] else "no audience yet"
    read = f", read {output.shown(sync['read_at'])} UTC" if sync["read_at"] else ""
    detached = "; its sync file is gone" if sync["is_detached"] else ""
    output.say(f"[bold]{sync['sync']}[/bold] ({escape(place)}{read}{detached})")
    if sync["records"]:
        columns = {"entity": "entity", "contact_key": "key", "owner": "owner", "email": "address", "because": "the CRM"}
        output.table(sync["records"], columns)
    for hold in sync["holds"]:
        is_said = not hold["detail"] or hold["detail"].startswith("since ")
        detail = "" if is_said else f" ({escape(output.masked(hold['detail']))})"
        since = output.shown(hold["first_seen_at"])
        output.say(f"[yellow]![/yellow] Held back as [bold]{hold['reason']}[/bold] since {since} UTC{detail}")
    if sync["sent_since"]:
        sent = counted(sync["sent_since"], "change")
        output.say(
            f"[yellow]![/yellow] What the provider has was read before {sent} went out; the next run reads it again."
        )
    for member in sync["members"]:
        _show_member(output, member, has_others=len(sync["members"]) > 1)
    if sync["clock_stopped_because"]:
        output.say(f"The clock of the purge stands still: {escape(sync['clock_stopped_because'])}.")


def _show_member(output: Output, member: Row, *, has_others: bool) -> None:
    ledger = member["ledger"] or {}
    heading = f"{output.shown(member['email_key'])}: " if has_others else ""
    output.say(f"{heading}{_presence(output, member)}")
    sides = {
        "wanted": member["wanted"] or {},
        "sent": ledger.get("sent") or {},
        "kept": ledger.get("kept") or {},
        "now": member["provider"] or {},
    }
    names = dict.fromkeys(name for side in sides.values() for name in side.get("fields") or {})
    lines = [{"name": name, **{key: _field(side, name) for key, side in sides.items()}} for name in names]
    lines += [
        {"name": kind, **{key: _labels(side, kind) for key, side in sides.items()}}
        for kind in ("tags", "groups")
        if any(side.get(kind) for side in sides.values())
    ]
    if lines:
        headings = {"wanted": "the CRM wants", "sent": "we sent", "kept": "they kept", "now": "the provider has"}
        output.table(lines, {"name": "", **headings})
    if member["purge_after"]:
        due = output.shown(member["purge_after"])
        output.say(f"[yellow]![/yellow] Archived for good after {due} UTC, unless wanted again or blocked by hand.")


def _presence(output: Output, member: Row) -> str:
    provider, ledger = member["provider"], member["ledger"]
    status = f"[bold]{provider['status']}[/bold] at the provider" if provider else "not at the provider when last read"
    if ledger is None:
        return status + (", not ours" if provider else "")
    if ledger["left_at"]:
        return f"{status}; ours until {output.shown(ledger['left_at'])} UTC: {LEFT_BY[ledger['left_by']]}"
    return f"{status}; ours since {output.shown(ledger['joined_at'])} UTC"


def _field(side: Row, name: str) -> str | None:
    value = (side.get("fields") or {}).get(name)
    return value if value is None else str(value) or "(empty)"


def _labels(side: Row, kind: str) -> str | None:
    return ", ".join(side[kind]) or "(none)" if side.get(kind) is not None else None


def _show_consent(output: Output, suppressions: Sequence[Row]) -> None:
    if not suppressions:
        return
    output.say()
    output.say("[bold]Consent[/bold]")
    table = [
        {
            **one,
            "reach": "the whole home" if one["scope"] == "home" else f"{one['scope']} of {one['connection']}",
            "state": f"released {output.shown(one['released_at'])} by {one['released_by']}"
            if one["released_at"]
            else "in force",
        }
        for one in suppressions
    ]
    columns = {
        "reason": "reason",
        "state": "state",
        "since": "since (UTC)",
        "reach": "reach",
        "source": "from",
        "note": "note",
    }
    output.table(table, columns)


def _show_story(output: Output, story: Row) -> None:
    told = sorted(_told(story), key=lambda entry: str(entry["when"] or ""))
    if not told:
        return
    output.say()
    output.say("[bold]Story[/bold]")
    output.table(told, {"when": "when (UTC)", "where": "where", "what": "what", "detail": "", "run": "run"})
    if any(entry["run"] for entry in told):
        output.say(f"Take a run back: {command()} undo RUN")


def _told(story: Row) -> Iterator[dict[str, Any]]:
    """What happened, as entries of when, where, what, detail and run."""
    for row in story["plans"]:
        if row["status"] in IN_USE and row["plan_id"] not in {push["plan_id"] for push in story["pushes"]}:
            yield _entry(row["created_at"], row["sync"], f"planned: {row['op']}, {row['reason']}", difference(row))
    for row in story["pushes"]:
        what = f"{row['op']} ({row['reason']}): {row['outcome']}"
        words = [row["code"], row["detail"], row["remedy"]] if row["outcome"] != "applied" else [difference(row)]
        yield _entry(row["happened_at"], row["sync"], what, "; ".join(word for word in words if word), row["run_id"])
    yield from _told_to_crm(story)
    for row in story["consent_events"]:
        by = f"by {row['recorded_by']}" if row["source"] == "admin" else "seen at the provider"
        note = f": {row['note']}" if row["note"] else ""
        what = EVENTS.get(row["event"], row["event"])
        lifted = f" from {row['reason']}" if row["event"] == "release" and row["reason"] != "release" else ""
        yield _entry(row["happened_at"], row["connection"], what + lifted, f"{by}{note}")
    for row in story["campaigns"]:
        yield from _campaign(row)
    for row in story["links"]:
        yield _entry(row["first_clicked_at"], row["name"], f"clicked, {row['clicks']} x", row["url"])


def _told_to_crm(story: Row) -> Iterator[dict[str, Any]]:
    for row in story["write_back_plans"]:
        by = "" if row["way"] == "write" else ", for a person to enter"
        yield _entry(row["created_at"], row["sync"], f"planned for the CRM: {_named(row)}{by}", _change(row))
    for row in story["write_backs"]:
        words = [_change(row), row["code"], row["detail"], row["remedy"]]
        what = f"in the CRM, {_named(row)}: {row['outcome']}"
        yield _entry(row["happened_at"], row["sync"], what, "; ".join(word for word in words if word))


def _named(row: Row) -> str:
    return f"{row['op']} ({row['reason']})"


def _change(row: Row) -> str:
    """What a row puts into the CRM, and where."""
    from pipelines.write_back.plans import entered

    was = f"{row['before'] or '(empty)'} → " if row["op"] == "set" else ""
    return f"{_place(row)}: {was}{entered(row)}"


def _place(row: Row) -> str:
    field = f", {row['field']}" if row["op"] == "set" else ""
    return f"{row['entity']} {row['contact_key']}{field}"


def _campaign(row: Row) -> Iterator[dict[str, Any]]:
    what = f"bounced ({row['bounce']})" if row["bounce"] else "delivered" if row["delivered"] else "sent"
    yield _entry(row["sent_at"], row["name"], what, "")
    if row["opens"]:
        yield _entry(row["first_opened_at"], row["name"], f"opened, {row['opens']} x", "")
    if row["complained"]:
        yield _entry(row["last_opened_at"] or row["sent_at"], row["name"], "complained", "")


def _entry(when: Any, where: Any, what: str, detail: str, run: Any = None) -> dict[str, Any]:
    return {"when": when, "where": where or "the home", "what": what, "detail": detail, "run": run and str(run)[:8]}
