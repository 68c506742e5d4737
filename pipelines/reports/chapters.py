"""The chapters of the page: plan and pushes, holds, addresses, consent, the audience, campaigns.

Belongs here: what each chapter shows and says, and how to read its numbers. Does not: counting (figures.py), how tables
and pictures are made (parts.py, charts.py), mark-up (page.html).
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pipelines.reports import charts, words
from pipelines.reports.figures import Figures, is_repair
from pipelines.reports.parts import Chart, Section, bars, table, told
from pipelines.words import counted

MOST_RULES = 6
MOST_BARS = 12


def chapters(figures: Figures) -> list[Section]:
    """All of them, in the order of the page."""
    return [
        *(_plan(figures), _holds(figures), _addresses(figures), _consent(figures)),
        *(_audience(figures), _campaigns(figures)),
    ]


def _plan(figures: Figures) -> Section:
    names = ("planned", "applied", "refused", "failed", "left_count", "not_sent")
    rows = [[row["op"], words.spoken(row["reason"]), *(row[name] for name in names)] for row in figures.sending]
    if rows:
        rows.append(["all", "", *(figures.total(name) for name in names)])
    headings = ("Op", "Reason", "In the plan", "Applied", "Refused", "No answer", "Left out", "Not sent")
    runs = list(reversed(figures.runs))
    outcomes = {"applied": "applied", "refused": "refused", "no answer": "failed", "left out": "left_count"}
    series = {name: [int(run[column]) for run in runs] for name, column in outcomes.items()}
    run_headings = ("Run (UTC)", "In the plan", "Applied", "Refused", "No answer", "Left out", "Calls", "Seconds")
    columns = ("started_at", "planned", "applied", "refused", "failed", "left_count", "calls")
    pushed = table(
        "Pushes, the latest first",
        run_headings,
        [[run[name] for name in columns] + [_seconds(run)] for run in figures.runs],
        is_folded=True,
    )
    return Section(
        "plan",
        "Planned and pushed",
        f"The newest plan has {counted(figures.plan.size, 'change')}. {words.state(figures.plan)}",
        (
            "In the plan is exactly what a push may send; it never adds a change. One member can need several changes, "
            "for example an add and a tag.",
            "Refused: the provider said no for good; the workbook has its words and what to do. No answer: nobody "
            "knows yet, the next run looks. Left out: it did not hold any more when it was its turn.",
        ),
        (bars("Changes by push", [f"{run['started_at']:%d %b %H:%M}" for run in runs], series),) if runs else (),
        (table("The newest plan, by op and reason", headings, rows, has_total=True), pushed),
    )


def _holds(figures: Figures) -> Section:
    rows = [
        [words.spoken(row["reason"]), row["records"], row["since"].date(), *words.hold(row["reason"])]
        for row in figures.holds
    ]
    freed = [
        [words.spoken(row["reason"]), words.RELEASED.get(row["became"], row["became"]), row["records"]]
        for row in figures.released
    ]
    return Section(
        "holds",
        "Held back",
        f"{counted(figures.held, 'record')} would get mail but for a reason.",
        (
            "A hold is a record that the CRM wants mailed and that is kept back. A record with two reasons counts for "
            "each of them. The workbook names the records and their owners.",
            "Free again counts what was held at the last push and is no longer, for example because somebody mended "
            "the address.",
        ),
        (),
        (
            table("Held back now, by reason", ("Reason", "Records", "Oldest", "What it means", "What to do"), rows),
            table("No longer held since the last push", ("Was held for", "What became of it", "Records"), freed),
        ),
    )


def _addresses(figures: Figures) -> Section:
    days = sorted({row["day"] for row in figures.history})
    found: dict[str, dict[date, int]] = defaultdict(dict)
    asked: dict[date, int] = defaultdict(int)
    repaired: dict[date, int] = defaultdict(int)
    for row in figures.history:
        asked[row["day"]] += int(row["records"])
        if row["verdict"] != "ok":
            found[words.spoken(row["rule"])][row["day"]] = int(row["records"])
        elif is_repair(row):
            repaired[row["day"]] += int(row["records"])
    latest = days[-1] if days else None
    rules = sorted(found, key=lambda rule: (-found[rule].get(latest, 0), -sum(found[rule].values()), rule))  # type: ignore[arg-type]
    series = {rule: [found[rule].get(day, 0) for day in days] for rule in rules[:MOST_RULES]}
    if rules[MOST_RULES:]:
        series["other rules"] = [sum(found[rule].get(day, 0) for rule in rules[MOST_RULES:]) for day in days]
    history = [
        [
            day,
            asked[day],
            repaired[day],
            sum(counts.get(day, 0) for counts in found.values()),
            *(series[name][place] for name in series),
        ]
        for place, day in reversed(list(enumerate(days)))
    ]
    now = [
        [words.spoken(row["rule"]), row["detail"], words.VERDICTS.get(row["verdict"], row["verdict"]), row["records"]]
        for row in figures.rules
    ]
    repairs = [[words.spoken(row["rule"]), row["detail"], row["records"]] for row in figures.repairs]
    return Section(
        "addresses",
        "Addresses",
        f"{counted(figures.bad, 'record')} can't be mailed because the address is wrong or missing. "
        f"{counted(figures.repaired, 'address', 'addresses')} could be repaired without asking.",
        (
            "Every address is judged before anything is sent, by its form only: a right form is no promise that "
            "somebody reads it. Look at it means that it is mailed all the same.",
            "Repaired without asking is only what can't be wrong: blanks around an address, signs that nobody sees. "
            "The CRM stays as it is.",
            "Of each day the last plan counts, of the records that the CRM wants mailed.",
        ),
        (bars("Wrong, missing and doubtful addresses by rule", [f"{day:%d %b}" for day in days], series),)
        if series
        else (),
        (
            table("Now, by rule", ("Rule", "What is wrong", "Verdict", "Records"), now),
            table("Repaired without asking, in the last plan", ("Rule", "What was done", "Records"), repairs),
            table(
                "By day, the latest first",
                ("Day", "Records", "Repaired", "With a finding", *series),
                history,
                is_folded=True,
            ),
        ),
    )


def _consent(figures: Figures) -> Section:
    months = _months([row["month"] for row in figures.opt_outs])
    totals: dict[str, int] = defaultdict(int)
    counts: dict[tuple[str, date], int] = {}
    for row in figures.opt_outs:
        totals[row["reason"]] += int(row["opt_outs"])
        counts[row["reason"], row["month"]] = int(row["opt_outs"])
    reasons = sorted(totals, key=lambda reason: (-totals[reason], reason))
    series = {words.spoken(name): [counts.get((name, month), 0) for month in months] for name in reasons[:MOST_RULES]}
    if reasons[MOST_RULES:]:
        rest = reasons[MOST_RULES:]
        series["other reasons"] = [sum(counts.get((name, month), 0) for name in rest) for month in months]
    rows = [
        [f"{month:%Y-%m}", sum(series[name][place] for name in series), *(series[name][place] for name in series)]
        for place, month in reversed(list(enumerate(months)))
    ]
    return Section(
        "consent",
        "Opt-outs",
        f"{counted(sum(totals.values()), 'opt-out')} in the last 24 months that the ledger knows of this audience.",
        (
            "The ledger hears of an opt-out when the audience or its campaigns are read, so the last day may still "
            "grow. What several readings told of one opt-out counts once.",
            "Reasons are those that the provider offers. What people wrote themselves is not repeated here, unless at "
            "least five wrote the same.",
        ),
        (bars("Opt-outs by month and reason", [f"{month:%b %Y}" for month in months], series),) if series else (),
        (table("By month, the latest first", ("Month", "Opt-outs", *series), rows),),
    )


def _audience(figures: Figures) -> Section:
    months = list(reversed(figures.growth))
    labels = [f"{row['month']:%b %Y}" for row in months]
    moved = {"joined": [int(row["joined"]) for row in months], "left": [-int(row["left_count"]) for row in months]}
    headings = ("Month", "Members at its start", "Joined", "Left", "Members at its end", "Churn")
    columns = ("members_at_start", "joined", "left_count", "members_at_end", "churn_rate")
    rows = [[f"{row['month']:%Y-%m}", *(row[name] for name in columns)] for row in figures.growth]
    names = ("subscribed", "unsubscribed", "bounced", "pending", "archived", "managed")
    now = [[name, figures.statuses.get(f"{name}_count")] for name in names] if figures.statuses else []
    drawn: tuple[Chart, ...] = ()
    if months:
        members = [int(row["members_at_end"]) for row in months]
        drawn = (
            Chart(
                charts.line(labels, "members", members),
                told("Line chart of members by month", labels, {"members": members}),
            ),
            bars("People who joined and left by month", labels, moved),
        )
    lead = f"{int(figures.growth[0]['members_at_end']):,} people can get mailings." if months else _not_yet("growth")
    return Section(
        "audience",
        "The audience",
        lead,
        (
            "Everybody in the audience counts here, also people who are not ours. Left is whoever unsubscribed, "
            "bounced, was archived or is gone. Managed are those whom a sync keeps.",
            "Churn is left over members at the start of the month. A month that began with nobody has none.",
        ),
        drawn,
        (
            table("Members now, by status", ("Status", "People"), now),
            table("By month, the latest first", headings, rows),
        ),
    )


def _campaigns(figures: Figures) -> Section:
    headings = (
        *("Campaign", "Sent (UTC)", "Recipients", "Blocked", "Delivered", "Bounces", "Opened by people", "Clicked"),
        *("Opt-outs", "Complaints", "Open rate", "by people", "Click rate", "Opt-out rate"),
    )
    columns = (
        *("name", "sent_at", "sent_count", "blocked_count", "delivered_count", "bounces", "unique_human_opens"),
        *("unique_clicks", "opt_outs", "complaints", "open_rate", "human_open_rate", "click_rate", "opt_out_rate"),
    )
    rows = [[row[name] for name in columns] for row in figures.campaigns]
    shown = figures.campaigns[:MOST_BARS]
    names = [f"{row['sent_at']:%d %b} {row['name']}" if row["sent_at"] else str(row["name"]) for row in shown]
    series = {
        "opened by people": [float(row["human_open_rate"] or 0) for row in shown],
        "clicked": [float(row["click_rate"] or 0) for row in shown],
    }
    picture = (
        (Chart(charts.shares(names, series), told("Bar chart of open and click rates by campaign", names, series)),)
        if shown
        else ()
    )
    lead = f"The last {counted(len(rows), 'campaign')} to this audience." if rows else _not_yet("campaign")
    parked = [row for row in figures.campaigns if row["parked_sent_count"]]
    if parked:
        many = counted(sum(row["parked_sent_count"] for row in parked), "mail")
        lead += (
            f" {counted(len(parked), 'campaign')} reached people who are parked: {many} to people whom the CRM wants "
            "no longer. Leave their group out of the next campaign."
        )
    return Section(
        "campaigns",
        "Campaigns",
        lead,
        (
            "Recipients: mails handed over. Blocked: addresses that our ledger held back, not part of the recipients. "
            "Delivered: recipients without bounces.",
            "All rates are over delivered. Opened and clicked count each person once. Some mail programs open every "
            "mail unseen: opened by people leaves them out. No open is no proof that nobody read; clicks say more.",
        ),
        picture,
        (table("The latest first", headings, rows),),
    )


def _months(found: Sequence[date]) -> list[date]:
    """Every month from the first to the last, also those without an opt-out."""
    if not found:
        return []
    month, months = min(found), []
    while month <= max(found):
        months.append(month)
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return months


def _seconds(run: Mapping[str, Any]) -> int | None:
    return None if run["seconds"] is None else math.ceil(run["seconds"])


def _not_yet(what: str) -> str:
    return f"No {what} is known yet: enlist stats reads it from the provider."
