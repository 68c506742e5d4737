"""`enlist block` and `enlist unblock`: the suppression ledger by hand.

Belongs here: the commands, and what they tell an administrator. Does not: the events (ledger/blocks.py), what a
suppression does to the plan (dbt).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from pipelines.cli.addresses import judged, mailable
from pipelines.cli.options import AddressArgument, HomeOption, JsonOption, RevealOption
from pipelines.cli.output import Output, command, escape
from pipelines.config import Home, SyncConfig, find_root, load_home
from pipelines.config.connections import ProviderConnection
from pipelines.errors import ConfigError

ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in the ledger.", show_default=False)
]
WORDS = {
    "blocked": "the block",
    "bounced": "the bounce",
    "opted_out": "the person's own opt-out",
    "complained": "the person's complaint",
    "erased": "the erasure",
}
WARNINGS = {
    "opted_out": "The person said no themselves. Lift it only if they asked to come back, and keep the proof.",
    "complained": "The person reported a mail as spam. Mailing them again can cost you the account.",
}


def block(
    email: AddressArgument,
    reason: ReasonOption,
    scope: Annotated[str, typer.Option(help="How far it reaches: audience, account or home.")] = "home",
    sync: Annotated[
        str | None, typer.Option(metavar="SYNC", help="Whose audience or account is meant.", show_default=False)
    ] = None,
    reveal: RevealOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """Mail an address no more, whatever the CRM says: the next plan of each sync takes it out.

    Strangers, who are in an audience without being ours, are no exception. It also stops the clock of somebody who
    waits to be archived for good.
    """
    from pipelines.cli.running import who
    from pipelines.ledger import blocks, load
    from pipelines.sync.explaining import places_of

    output = Output(is_json=json, reveal=reveal)
    loaded = load_home(find_root(home), check=False)
    email_key, note = mailable(email), _reason(reason)
    reach = _reach(loaded, scope, sync)
    with load.opened(loaded) as connection:
        known = blocks.in_force(connection, email_key)
        same = [one for one in known if one["reason"] == "blocked" and reach.is_within(one)]
        if not same:
            blocks.block(loaded.ledger, email_key, reach, note=note, by=who())
            load.load(connection, loaded.ledger)
            known = blocks.in_force(connection, email_key)
        places = places_of(connection, loaded, email_key)
    shown = output.shown(email_key)
    if same:
        output.say(f"{shown} is blocked already, {_since(output, same[0])}. Nothing was written.")
    else:
        output.say(f"[green]✓[/green] {shown} is blocked in {_reach_words(scope, sync)}.")
        for place in mailed_within(reach, places):
            output.say(
                f"  {place['sync']}: {place['status']} when last read; the next plan takes the address out there."
            )
    result = {"email_key": email_key, "is_new": not same, "suppressions": known, "audiences": places}
    return output.finish(result)


def unblock(
    email: AddressArgument,
    reason: ReasonOption,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", metavar="WHAT", help="Lift opted_out or complained too: what the person said."),
    ] = None,
    reveal: RevealOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """Lift a block or a bounce, as an administrator: says what is lifted, what is not, and what follows.

    What the person said is lifted only by name, with --also. Nothing lifts an erasure.
    """
    from pipelines.cli.running import who
    from pipelines.ledger import blocks, load
    from pipelines.sync.explaining import places_of

    output = Output(is_json=json, reveal=reveal)
    loaded = load_home(find_root(home), check=False)
    email_key, note, named = judged(email).email_key or "", _reason(reason), _known_reasons(also)
    with load.opened(loaded) as connection:
        weighed = blocks.weigh(blocks.in_force(connection, email_key), named)
        if weighed.left and not weighed.lifted:
            raise _refusal(weighed.left)
        if weighed.lifted:
            reasons = (one["reason"] for one in weighed.lifted)
            blocks.release(loaded.ledger, email_key, reasons, note=note, by=who())
            load.load(connection, loaded.ledger)
        places = places_of(connection, loaded, email_key)
    _say_released(output, email_key, weighed.lifted, weighed.left)
    if weighed.lifted:
        for place in places:
            output.say(f"  {place['sync']}: {_what_follows(loaded, place, is_free=not weighed.left)}")
    result = {"email_key": email_key, "lifted": weighed.lifted, "left": weighed.left, "audiences": places}
    return output.finish(result)


def mailed_within(reach: Any, places: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The places that a block reaches and where the address is not out yet."""
    from pipelines.ledger.blocks import Reach

    return [
        place
        for place in places
        if place["status"] in ("subscribed", "pending")
        and Reach("audience", place["connection"], place["audience_id"]).is_within(asdict(reach))
    ]


def _say_released(
    output: Output, email_key: str, lifted: Sequence[Mapping[str, Any]], left: Sequence[Mapping[str, Any]]
) -> None:
    shown = output.shown(email_key)
    if not lifted:
        output.say(f"Nothing holds {shown} back in the ledger. Nothing was written.")
        return
    for one in lifted:
        output.say(f"[green]✓[/green] Lifted for {shown}: {_described(output, one)}.")
    for reason in sorted({str(one["reason"]) for one in lifted} & set(WARNINGS)):
        output.say(f"[yellow]![/yellow] {WARNINGS[reason]}")
    for one in left:
        output.say(f"[yellow]![/yellow] Not lifted: {_described(output, one)}. {_how_to_lift(str(one['reason']))}")


def _refusal(left: Sequence[Mapping[str, Any]]) -> ConfigError:
    """Why nothing at all is lifted: nobody named what the person said, or it is an erasure."""
    reasons = list(dict.fromkeys(str(one["reason"]) for one in left))
    what = " and ".join(WORDS[reason] for reason in reasons)
    do = " ".join(dict.fromkeys(f"{WARNINGS.get(reason, '')} {_how_to_lift(reason)}".strip() for reason in reasons))
    return ConfigError(f"nothing was lifted: what holds the address back is {what}.", where="unblock", do=do)


def _how_to_lift(reason: str) -> str:
    return "Nothing lifts an erasure." if reason == "erased" else f"--also {reason} lifts it."


def _described(output: Output, one: Mapping[str, Any]) -> str:
    return f"{WORDS[str(one['reason'])]} ({escape(_where(one))}, {_since(output, one)})"


def _where(one: Mapping[str, Any]) -> str:
    if one["scope"] == "home":
        return "the whole home"
    place = f"account {one['connection']}"
    return place if one["scope"] == "account" else f"audience {one['audience_id']} of {one['connection']}"


def _since(output: Output, one: Mapping[str, Any]) -> str:
    note = f": {escape(output.masked(str(one['note'])))}" if one["note"] else ""
    return f"since {one['since']:%Y-%m-%d}{note}"


def _what_follows(home: Home, place: Mapping[str, Any], *, is_free: bool) -> str:
    """What the provider's own status means for somebody who was released."""
    status = place["status"]
    if status in ("subscribed", "pending"):
        return f"{status} there; nothing changes."
    if status == "bounced":
        return "the provider holds the address as bounced. Enlist can't lift that: ask for another address."
    if status == "unsubscribed" and place["left_by"] != "unsubscribe":
        return "unsubscribed at the provider. Enlist can't lift that: only the person, with a sign-up form."
    if not is_free:
        return "not added again, because of what was not lifted."
    if status == "unsubscribed":
        return _way_back(home, home.sync(str(place["sync"])))
    if status is None or place["left_by"] == "archive":
        return "the next plan adds the address, if the CRM wants it."
    return "archived by somebody else: bring the member back at the provider, if that is right."


def _way_back(home: Home, sync: SyncConfig) -> str:
    """How somebody returns whom Enlist unsubscribed itself; a mail that asks them works everywhere."""
    connection = home.connection(sync.to.connection)
    if sync.consent.double_opt_in:
        return "the next plan asks the person by mail to confirm, if the CRM wants the address."
    if isinstance(connection, ProviderConnection) and not connection.can_resubscribe:
        return (
            f"unsubscribed there by Enlist, and {connection.title} has no safe way back: subscribe the person by hand "
            "in its console, or let them sign up."
        )
    return "the next plan adds the address, if the CRM wants it."


def _reason(text: str) -> str:
    if not text.strip():
        raise ConfigError("it is empty.", where="--reason", do="Say why: it stands in the ledger for good.")
    return text.strip()


def _known_reasons(also: list[str] | None) -> list[str]:
    from pipelines.config.problems import suggest
    from pipelines.ledger.blocks import LIFTED_BY_NAME

    for one in also or []:
        if one == "erased":
            raise ConfigError("nothing lifts an erasure.", where="--also", do="Leave it out.")
        if one not in LIFTED_BY_NAME:
            raise ConfigError(f"{one!r} can't be lifted so.", where="--also", do=suggest(one, LIFTED_BY_NAME))
    return also or []


def _reach(home: Home, scope: str, sync: str | None) -> Any:
    from pipelines.config.problems import suggest
    from pipelines.ledger import pins
    from pipelines.ledger.blocks import Reach

    if scope == "home" and sync is None:
        return Reach()
    scopes = ("audience", "account", "home")
    if scope not in scopes:
        raise ConfigError(f"there is no scope {scope!r}.", where="--scope", do=suggest(scope, scopes))
    if scope == "home":
        raise ConfigError("a sync goes with --scope audience or account.", where="--sync", do="Leave one of them out.")
    if sync is None:
        raise ConfigError(f"whose {scope} is meant?", where="--scope", do="Name a sync of it with --sync.")
    connection = home.sync(sync).to.connection
    pin = pins.pinned(home.ledger, sync)
    if scope == "audience" and pin is None:
        raise ConfigError(
            f"{sync} has no audience yet.", where="--sync", do=f"Make a plan first: {command()} plan {sync}"
        )
    return Reach(scope, connection, pin["audience_id"] if pin and scope == "audience" else None)  # type: ignore[arg-type]


def _reach_words(scope: str, sync: str | None) -> str:
    return "every account of this home" if scope == "home" else f"the {scope} of {sync}"
