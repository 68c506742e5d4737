"""The order in which every CRM is written to: look, send the difference, look again, compare.

Belongs here: that order, and what a write with a lost answer means. Does not: one CRM's calls (its own module).
"""

from abc import abstractmethod
from collections.abc import Mapping

from pipelines.crm.base import Edit, Writer, Written
from pipelines.errors import PermanentError, TransientError

MISSING = "missing_record"
NOT_KEPT = "not_kept"
MOVED = "moved"
REFUSED = "refused_by_crm"
NO_ANSWER = "no_answer"
REMEDIES: Mapping[str, str] = {
    MISSING: "Look whether the record was deleted or converted, or whether the user may see it.",
    NOT_KEPT: "Look at the record in the CRM: it keeps something else than what was sent.",
    MOVED: "Look at the record, and make a new plan if it is still to be changed.",
    REFUSED: "Mend what the CRM complains about, then try again.",
    NO_ANSWER: "Try again: what was written already is not written twice.",
}


class Refused(PermanentError):
    """The CRM said no to this record; `code` is one of REMEDIES."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def refused(code: str, detail: str, found: Mapping[str, str] | None = None) -> Written:
    """The outcome for a record that the CRM said no to."""
    return Written("refused", code, detail, REMEDIES[code], found=found or {})


def failed(error: TransientError) -> Written:
    """The outcome for a record that there is no usable answer about."""
    return Written("failed", NO_ANSWER, error.what, REMEDIES[NO_ANSWER], can_retry=True)


class EditingWriter(Writer):
    """A writer whose edits are: read the columns, send those that differ, read them again."""

    attempts: int = 3

    def edited(self, edit: Edit) -> Written:
        """One edit. A write whose answer was lost counts by what stands there afterwards."""
        wanted = self.prepared(edit)
        try:
            found = self.read(edit, tuple(wanted))
            kept = found
            if moved := self._moved(edit, wanted, found):
                return refused(MOVED, f"Somebody changed {', '.join(moved)} meanwhile.", found)
            for _ in range(self.attempts):
                difference = self._difference(edit, wanted, kept)
                if not difference:
                    return Written("unchanged" if kept is found else "applied", found=found, kept=kept)
                answered = self._try_to_write(edit, difference)
                kept = self.read(edit, tuple(wanted))
                if answered:
                    break
        except Refused as no:
            return refused(no.code, no.detail)
        except TransientError as error:
            return failed(error)
        wrong = sorted(self._difference(edit, wanted, kept))
        if not wrong:
            return Written("applied", found=found, kept=kept)
        if not answered:
            return failed(
                TransientError("no usable answer came to the change.", where="the CRM", do="Try again later.")
            )
        detail = f"The CRM keeps something else in {', '.join(wrong)}."
        return Written("refused", NOT_KEPT, detail, REMEDIES[NOT_KEPT], found=found, kept=kept)

    def _difference(self, edit: Edit, wanted: Mapping[str, str], kept: Mapping[str, str]) -> Mapping[str, str]:
        """Those of the wanted values that are not there."""
        return {
            name: value for name, value in wanted.items() if not self.is_same(edit, name, kept.get(name, ""), value)
        }

    def _moved(self, edit: Edit, wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
        """The columns that hold neither what is wanted nor what was expected, which has no blanks around it."""
        return sorted(
            name
            for name in self._difference(edit, wanted, found)
            if name in edit.expected and found.get(name, "").strip() != edit.expected[name].strip()
        )

    def _try_to_write(self, edit: Edit, values: Mapping[str, str]) -> bool:
        """Send the values; False when the answer was lost."""
        try:
            self.write(edit, values)
        except TransientError:
            return False
        return True

    @abstractmethod
    def prepared(self, edit: Edit) -> Mapping[str, str]:
        """The values as they are sent; `ConfigError` for what can never be written."""

    def is_same(self, edit: Edit, column: str, stored: str, wanted: str) -> bool:
        """Whether the column holds what is wanted, though the CRM may write it in another way."""
        return stored == wanted

    @abstractmethod
    def read(self, edit: Edit, columns: tuple[str, ...]) -> Mapping[str, str]:
        """What these columns of the record hold now; "" for nothing. Raises `Refused`, `TransientError`."""

    @abstractmethod
    def write(self, edit: Edit, values: Mapping[str, str]) -> None:
        """Send the values once. Raises `Refused`, `TransientError`."""
