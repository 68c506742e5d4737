"""Refusals in MailUp's words: section 3 of the contract, and the two of the token endpoint.

Belongs here: statuses and texts. Does not: when to refuse (the modules of each theme). Only the texts of 401, 403 and
429 are documented; the others are worded alike.
"""

from pipelines.sandbox.mailup.model import Json

NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
TERMS = "Authorization error: Contract not signed, please login in console and accept terms of service."
EXPIRED = "Authorization error: Access token is expired"
REVOKED = "Authorization error: Access token is revoked"


class Problem(Exception):
    """An answer that refuses, as the console and the statistics give it."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.description = description

    def body(self) -> Json:
        """ErrorCode is a text and ErrorName null for 429 (section 3)."""
        return {
            "ErrorCode": str(self.status),
            "ErrorDescription": self.description,
            "ErrorName": NAMES.get(self.status),
            "ErrorStack": None,
        }


class TokenProblem(Problem):
    """A refusal of the token endpoint, in OAuth's words."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(400, description)
        self.error = error

    def body(self) -> Json:
        """OAuth's error and error_description."""
        return {"error": self.error, "error_description": self.description}


def bad_request(description: str) -> Problem:
    """400 with a sentence."""
    return Problem(400, description)


def bad_token() -> Problem:
    """No token, or one that is none: 400 and not 401 (section 2)."""
    return Problem(400, "Authorization error: Access token is missing or invalid")


def too_many(most: int, actual: int) -> Problem:
    """More calls in a second than one method takes."""
    text = f"Authorization error (too_many_requests): Too many requests. Max:{most} calls per second , actual:{actual}."
    return Problem(429, text)


def broken(status: int) -> Problem:
    """What MailUp says with a status that a fault asks for."""
    texts = {
        401: EXPIRED,
        403: TERMS,
        429: too_many(5, 10).description,
        503: "The service is temporarily unavailable.",
    }
    return Problem(status, texts.get(status, "An unexpected error occurred."))
