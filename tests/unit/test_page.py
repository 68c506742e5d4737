"""The page: what it says, that it needs nothing but itself, and that people can read it on a phone or by ear.

Belongs here: reports/page.py, chapters.py and charts.py with made-up figures, and a real browser's view of them. Does
not: where figures come from (test_reports.py).
"""

import base64
import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pipelines.reports import chapters, charts, page
from pipelines.reports.figures import Figures
from pipelines.sync.plans import Plan

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DAY = date(2026, 11, 21)
LONG_NAME = "Uitnodiging voor het najaarsseminar over arbeidsrecht & fiscaliteit"


def plan(**more: Any) -> Plan:
    values: dict[str, Any] = dict.fromkeys(Plan.__dataclass_fields__, 0)
    values |= dict.fromkeys(("broken_rules", "accepted", "creates", "groups", "standing", "hold_counts"), ())
    counts = ({"op": "add", "reason": "new", "count": 12}, {"op": "archive", "reason": "no_match", "count": 3})
    values |= {"plan_id": "news-20261121-201500-ab12", "sync": "news", "connection": "chimp", "status": "pending"}
    return Plan(
        **{**values, "counts": counts, "created_at": datetime(2026, 11, 21, 20, 15), "wanted_count": 2118, **more}
    )


def sent(op: str, reason: str, planned: int, applied: int = 0) -> dict[str, Any]:
    rest = {"refused": 0, "failed": 0, "left_count": 0, "not_sent": planned - applied}
    return {"op": op, "reason": reason, "planned": planned, "applied": applied, **rest}


def campaign(number: int) -> dict[str, Any]:
    rates = {"open_rate": 0.71, "human_open_rate": 0.52 + number / 100, "click_rate": 0.21, "opt_out_rate": 0.01}
    counts = dict.fromkeys(
        ("blocked_count", "bounces", "unique_opens", "unique_human_opens", "unique_clicks", "opt_outs", "complaints"), 5
    )
    when = datetime(2026, 11, 20) - timedelta(days=14 * number)
    about = {"name": f"{LONG_NAME} {number}", "category": None, "sent_at": when, "bounce_rate": 0.02}
    return {**about, "sent_count": 2_000, "delivered_count": 1_900, "parked_sent_count": 0, **counts, **rates}


def month(number: int) -> date:
    return date(2025 + (11 + number) // 12 - 1, (11 + number) % 12 + 1, 1)


@pytest.fixture(scope="module")
def figures() -> Figures:
    days = [DAY - timedelta(days=number) for number in range(10, -1, -1)]
    rules = ("missing", "inner_blank", "two_at_signs", "no_ending", "mailto", "placeholder", "two_dots", "no_at_sign")
    history = [
        {"day": day, "verdict": "wrong", "rule": rule, "records": 30 - 2 * place}
        for day in days
        for place, rule in enumerate(rules)
    ] + [
        {"day": day, "verdict": "ok", "rule": rule, "records": records}
        for day in days
        for rule, records in ((None, 983), ("outer_blanks", 13), ("invisible_characters", 4))
    ]
    run = {"seconds": 3.2, "planned": 20, "applied": 17, "refused": 1, "failed": 0, "left_count": 2, "calls": 4}
    moved = {"members_at_start": 900, "joined": 80, "left_count": 30, "members_at_end": 950, "churn_rate": 1 / 30}
    return Figures(
        plan=plan(),
        made_at=datetime(2026, 11, 21, 20, 20),
        audience="News & more <b>",
        sending=[sent("add", "new", 12, 5), sent("archive", "no_match", 3)],
        holds=[{"reason": "bad_address", "records": 7, "since": datetime(2026, 11, 1)}],
        released=[{"reason": "bad_address", "became": "planned", "records": 2}],
        rules=[{"verdict": "wrong", "rule": "inner_blank", "detail": "There is a blank in it.", "records": 7}],
        history=history,
        runs=[{**run, "started_at": datetime(2026, 11, 21, 20) - timedelta(hours=9 * n)} for n in range(30)],
        opt_outs=[
            {"month": month(number), "reason": reason, "opt_outs": 3}
            for number in range(0, 12, 2)
            for reason in ("None given", "complained")
        ],
        growth=[{"month": month(number), **moved} for number in range(11, -1, -1)],
        statuses={"subscribed_count": 950, "managed_count": 900},
        campaigns=[campaign(number) for number in range(14)],
    )


@pytest.fixture(scope="module")
def text(figures: Figures) -> str:
    return page.rendered(figures)


class Reader(HTMLParser):
    """What is in a page, by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def pictures(text: str) -> list[str]:
    """The SVG of every chart."""
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text)
    return [base64.b64decode(code).decode() for code in found]


# What it says


def test_every_count_of_the_plan_is_in_a_table(text: str) -> None:
    """G2, G4: with the total."""
    cells = [re.sub("<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[dh][^>]*>.*?</t[dh]>", text)]
    start = cells.index("add")
    assert cells[start : start + 8] == ["add", "new", "12", "5", "0", "0", "0", "7"]
    assert cells[cells.index("all") :][:8] == ["all", "", "15", "5", "0", "0", "0", "10"]


def test_what_was_repaired_without_asking_is_counted_by_rule(text: str) -> None:
    cells = [re.sub("<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[dh][^>]*>.*?</t[dh]>", text)]
    start = cells.index("outer blanks")
    assert cells[start : start + 6] == [
        *("outer blanks", "Blanks around the address were left out.", "13"),
        *("invisible characters", "Invisible characters were left out of the address.", "4"),
    ]
    start = cells.index("2026-11-21", cells.index("With a finding"))
    assert cells[start : start + 4] == ["2026-11-21", "1,184", "17", "184"]
    assert "17 addresses could be repaired without asking." in text


def test_every_chapter_says_how_to_read_its_numbers(text: str) -> None:
    """I12: beside them, not in a manual."""
    chapters = re.split("<section ", text)[1:]
    assert len(chapters) == 6
    assert all("How to read this" in chapter for chapter in chapters)
    for term in ("Recipients:", "Blocked:", "Delivered:", "Churn is", "over delivered", "A hold is"):
        assert term in text


def test_what_others_typed_is_text_and_no_mark_up(text: str) -> None:
    assert "News &amp; more &lt;b&gt;" in text
    assert "<b>\n" not in text


def test_months_without_an_opt_out_are_there_with_a_zero(figures: Figures) -> None:
    months = [row["month"] for row in figures.opt_outs]
    assert len(chapters._months(months)) == 11
    assert chapters._months([]) == []
    assert chapters._months([date(2026, 12, 1), date(2027, 2, 1)])[1] == date(2027, 1, 1)


def test_nothing_known_yet_makes_a_page_that_says_so(figures: Figures) -> None:
    empty = replace(
        figures,
        plan=plan(counts=(), status="applied"),
        **dict.fromkeys(("sending", "holds", "released", "rules", "history", "runs", "opt_outs", "growth"), ()),
        campaigns=(),
        statuses={},
    )
    text = page.rendered(empty)
    assert "There was nothing to send." in text
    assert "No campaign is known yet" in text
    assert pictures(text) == []


def test_campaigns_that_reached_people_who_are_parked_are_told(figures: Figures, text: str) -> None:
    """Z10."""
    assert "parked" not in text
    reached = [{**row, "parked_sent_count": 3 if number < 2 else 0} for number, row in enumerate(figures.campaigns)]
    told = page.rendered(replace(figures, campaigns=reached))
    assert "2 campaigns reached people who are parked: 6 mails to people whom the CRM wants no longer." in told


def test_the_same_figures_make_the_same_page(figures: Figures, text: str) -> None:
    assert page.rendered(figures) == text


# It needs nothing but itself


def test_the_page_asks_for_nothing_and_forbids_itself_to(text: str) -> None:
    read = Reader(text)
    sources = [
        value for _, attrs in read.elements for name, value in attrs.items() if name in ("src", "href", "action")
    ]
    assert sources
    assert all(str(source).startswith(("#", "data:image/svg+xml;base64,")) for source in sources)
    assert not read.all("script") + read.all("link") + read.all("iframe")
    assert "url(" not in text
    (policy,) = [attrs["content"] for attrs in read.all("meta") if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_a_picture_asks_for_nothing_either(text: str) -> None:
    drawn = pictures(text)
    assert len(drawn) == 6
    for svg in drawn:
        assert not re.findall(r'(?:href|src)="(?!#)', svg)
        assert "<script" not in svg


@pytest.mark.parametrize(
    "name", ["Save $5 and $10", "💌 你好", "_hidden", "a\x00b\x07", "\ud800", "", "<&>\"'", "x_{2}^"]
)
def test_a_name_is_drawn_whatever_it_holds(name: str) -> None:
    for drawn in (charts.shares([name], {"rate": [0.5]}), charts.stacked(["Nov"], {name: [1]})):
        svg = base64.b64decode(drawn.partition(",")[2]).decode()
        ElementTree.fromstring(svg)
        assert "Save $5 and $10" in svg or not name.startswith("Save")


# Everybody can read it


def test_every_chart_has_words_in_its_place_and_its_numbers_in_a_table(text: str) -> None:
    read = Reader(text)
    alternatives = [str(attrs["alt"]) for attrs in read.all("img")]
    assert all(len(words) > 60 and words.endswith("All numbers are in the table below.") for words in alternatives)
    assert "Bar chart: changes by push, 10 Nov 23:00 to 21 Nov 20:00. The last one: applied 17; refused 1;" in text
    for chapter in re.split("<section ", text)[1:]:
        if "<img" in chapter:
            assert chapter.index("<img") < chapter.index("<table")


def test_the_page_is_in_order_for_a_screen_reader(text: str) -> None:
    read = Reader(text)
    assert read.all("html")[0]["lang"] == "en"
    assert read.headings[0] == 1
    assert all(after - before <= 1 for before, after in zip(read.headings, read.headings[1:], strict=False))
    ids = [attrs["id"] for _, attrs in read.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {str(attrs["href"])[1:] for attrs in read.all("a")} <= set(ids)
    assert len(read.all("caption")) == len(read.all("table"))
    assert all(attrs.get("scope") in ("col", "row") for attrs in read.all("th"))


def contrast(colour: str) -> float:
    """Of a colour to white, as WCAG 2 computes it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 1.05 / (sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) + 0.05)


def test_colours_stand_out_from_the_page(text: str) -> None:
    """WCAG 1.4.3 and 1.4.11: 4.5 to 1 for text, 3 to 1 for what is drawn."""
    for name in ("ink", "soft", "accent"):
        (colour,) = re.findall(rf"--{name}: (#[0-9a-f]{{6}})", text)
        assert contrast(colour) > 4.5
    assert min(map(contrast, charts.COLOURS)) > 3


# In a browser

LOOK = """
<body style="margin:0"><script>
const frame = document.createElement('iframe');
frame.style = 'border:0;width:WIDTHpx;height:900px';
frame.src = 'page.html';
frame.onload = () => {
  const inner = frame.contentDocument, root = inner.documentElement;
  inner.querySelectorAll('details').forEach(one => { one.open = true; });
  const out = document.createElement('pre');
  out.textContent = JSON.stringify({
    overflow: root.scrollWidth - root.clientWidth,
    broken: [...inner.images].filter(one => !one.complete || !one.naturalWidth).length,
    images: inner.images.length,
    title: inner.title,
    cut: [...inner.querySelectorAll('h1, h2, p, .tiles li')].filter(
      one => one.scrollWidth > one.clientWidth + 1).length,
  });
  document.body.append(out);
};
document.body.append(frame);
</script></body>
"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to look at the page with")
@pytest.mark.parametrize("width", [360, 1200])
def test_a_browser_shows_the_whole_page_on_a_phone_and_on_a_desk(width: int, figures: Figures, tmp_path: Path) -> None:
    """Nothing runs out of the screen, every picture is drawn, no name has to be looked up."""
    page.write(tmp_path / "page.html", figures)
    (tmp_path / "look.html").write_text(LOOK.replace("WIDTH", str(width)), encoding="utf-8")
    flags = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        "--virtual-time-budget=5000",
    )
    command = [
        str(CHROMIUM),
        *flags,
        f"--user-data-dir={tmp_path / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]
    shown = subprocess.run(
        [*command, "--dump-dom", (tmp_path / "look.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    (found,) = re.findall(r"<pre>(.*?)</pre>", shown.stdout)
    title = "news: report of 2026-11-21 20:15"
    assert json.loads(found) == {"overflow": 0, "broken": 0, "images": 6, "title": title, "cut": 0}
