"""Refusals of the Iteras API: JSON with a 40x (section 1 of the contract).

Belongs here: statuses and texts. Does not: when to refuse (the modules of each theme). The texts are guesses.
"""

from pipelines.sandbox.iteras.model import Json


class Problem(Exception):
    """An answer that refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def body(self) -> Json:
        """The document."""
        return {"error": self.message}


def bad_request(message: str) -> Problem:
    """400 with a sentence."""
    return Problem(400, message)
