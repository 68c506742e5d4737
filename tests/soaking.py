"""Which of many alike cases every run of the tests takes, and which only `make soak` does.

Belongs here: that choice. Does not: the cases.
"""

from collections.abc import Sequence
from typing import Any

import pytest


def some_always(cases: Sequence[Any], every: int) -> list[Any]:
    """The cases as parameters: the first one and each `every`th are always run, the others marked as soak."""
    return [
        case
        if at % every == 0
        else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.soak)
        for at, case in enumerate(cases)
    ]
