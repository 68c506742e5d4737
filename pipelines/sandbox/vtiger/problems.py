"""Refusals in Vtiger's words: sections 1 to 4 of the contract and the recorded exchanges.

Belongs here: codes and messages. Does not: when to refuse (the modules of each theme). HTTP status is 200 for all of
them but a fatal error.
"""

from pipelines.sandbox.vtiger.model import Json


class Problem(Exception):
    """An answer with success false; the code is a text, but 0 for a duplicate."""

    def __init__(self, code: str | int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def body(self) -> Json:
        """The envelope."""
        return {"success": False, "error": {"message": self.message, "code": self.code}}


class Fatal(Exception):
    """PHP died: HTTP 500 with an empty body."""


def denied(about: str = "") -> Problem:
    """The refusal that tells little apart: wrong method, unknown module, missing record, malformed id."""
    return Problem("ACCESS_DENIED", f"Permission to perform the operation is denied{about}")


def unknown_field(name: str) -> Problem:
    """A column that a query names and the module has not."""
    return Problem("ACCESS_DENIED", f"Permission to access '.{name}.' attribute denied.")


def internal() -> Problem:
    """An empty literal in a query, or text that is no token at all."""
    return Problem("INTERNAL_SERVER_ERROR", "Unknown Error while processing request")


def wrong_id() -> Problem:
    """The id of another module."""
    return Problem("INVALID_ID_ATTRIBUTE", "Id specified is incorrect")
