"""What people see of long work on a terminal, and that nobody else sees anything.

Belongs here: cli/output.py drawing what progress.py is told, and what the pipeline warns of. Does not: who tells it.
"""

import logging
import re
from collections.abc import Iterator

import pytest

from pipelines import progress
from pipelines.cli.output import Output

DRAWING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.delenv("NO_COLOR", raising=False)
    yield


def push_some(output: Output) -> None:
    with output.progress():
        progress.stage("news", "push")
        for done in (0, 30, 60, 90):
            progress.advance("changes", done, 120)


@pytest.mark.usefixtures("terminal")
def test_a_push_shows_how_far_it_is_how_long_it_took_and_how_long_it_has_to_go(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A12."""
    push_some(Output(is_json=False))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.search(r"news: pushing, changes .* 90/120 \d:\d\d:\d\d \d:\d\d:\d\d", DRAWING.sub("", shown.err))


@pytest.mark.usefixtures("terminal")
def test_a_program_that_asked_for_json_gets_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    push_some(Output(is_json=True))
    assert capsys.readouterr() == ("", "")


def test_a_log_file_gets_no_progress(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    push_some(Output(is_json=False))
    assert capsys.readouterr() == ("", "")


def warned() -> None:
    logging.getLogger("pipelines.http.client").warning("%s gave no usable answer about anna@x.example now", "Mailchimp")


def test_a_warning_is_one_line_with_addresses_masked(capsys: pytest.CaptureFixture[str]) -> None:
    with Output(is_json=False).warnings():
        warned()
    assert capsys.readouterr() == ("", "! Mailchimp gave no usable answer about a…@x….example now\n")


def test_a_program_that_asked_for_json_gets_no_warning_and_logs_do(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with Output(is_json=True).warnings():
        warned()
    assert capsys.readouterr() == ("", "")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
