"""Challenge, login, session, logout: section 2 of the contract.

Belongs here: who is calling, and for how long. Does not: what they may see (query.py).
"""

import hashlib

from pipelines.sandbox.vtiger.model import Challenge, Json, Session, User
from pipelines.sandbox.vtiger.problems import Problem, denied
from pipelines.sandbox.vtiger.state import State
from pipelines.sandbox.vtiger.values import wire_id

VERSION = "0.22"
VTIGER_VERSION = "8.4.0"
PREFERENCES = {"call_duration": "5", "other_event_duration": "5"}
IDLE = ("SESSION_LEFT_IDLE", "Session has been invalidated due to lack activity.")
EXPIRED = ("SESSION_EXPIRED", "Session has expired.")
INVALID = ("INVALID_SESSIONID", "Session Identifier provided is Invalid")


def challenge(state: State, user_name: str) -> Json:
    """A new token; the one that the user had before is worth nothing any more."""
    user = user_named(state, user_name)
    if user is None:
        raise Problem("ACCESS_DENIED", "username does not exists")
    now = int(state.epoch())
    made = Challenge(user.number, state.secret("token", 13), now + state.switches.challenge_seconds)
    state.challenges.put(made)
    return {"token": made.token, "serverTime": now, "expireTime": made.expires}


def login(state: State, user_name: str, digest: str) -> Json:
    """A session for md5(token + access key)."""
    user = user_named(state, user_name)
    if user is None or user.status != "Active":
        raise Problem("INVALID_USER_CREDENTIALS", "Invalid username or password")
    challenge = state.challenges.get(str(user.number))
    if challenge is None or challenge.expires < state.epoch():
        raise Problem("INVALID_AUTH_TOKEN", "Specified token is invalid or expired")
    text = challenge.token + user.access_key
    if digest != hashlib.md5(text.encode(), usedforsecurity=False).hexdigest():
        raise Problem("INVALID_USER_CREDENTIALS", "Invalid username or password")
    now = state.epoch()
    session = state.sessions.put(Session(state.secret("session", 20), user.number, now, now))
    names = ("first_name", "last_name", "email1", "time_zone", "hour_format", "date_format", "is_admin")
    about = {"username": user.user_name} | {name.removesuffix("1"): getattr(user, name) for name in names}
    return {
        **about,
        **PREFERENCES,
        "sessionName": session.name,
        "userId": wire_id("Users", user.number),
        "version": VERSION,
        "vtigerVersion": VTIGER_VERSION,
    }


def check(state: State, name: str) -> User:
    """The user of the session, which has been used now. Raises Problem."""
    if not name or name.lower() == "null":
        raise Problem("AUTHENTICATION_REQUIRED", "Authencation required")
    session = state.sessions.get(name)
    user = state.users.get(str(session.user)) if session else None
    if session is None or user is None:
        raise Problem(*INVALID)
    now, switches = state.epoch(), state.switches
    expired = session.fate == "expired" or now - session.started > switches.session_seconds
    if expired or session.fate == "idle" or now - session.used > switches.idle_seconds:
        state.sessions.remove(session)
        raise Problem(*(EXPIRED if expired else IDLE))
    session.used = now
    state.sessions.put(session)
    return user


def logout(state: State, name: str) -> Json:
    """Ends the session."""
    session = state.sessions.get(name)
    if session:
        state.sessions.remove(session)
    return {"message": "successfull"}


def end_all(state: State, how: str) -> int:
    """Ends every session: idle and expired are told to the next call, forgotten ones never existed. How many."""
    if how not in ("idle", "expired", "forgotten"):
        raise ValueError("Sessions are left idle, expired or forgotten.")
    ended = list(state.sessions)
    for session in ended:
        if how == "forgotten":
            state.sessions.remove(session)
        else:
            session.fate = "idle" if how == "idle" else "expired"
            state.sessions.put(session)
    return len(ended)


def user_named(state: State, user_name: str) -> User | None:
    """The user, or None."""
    return next((user for user in state.users if user.user_name == user_name), None)


def visitor(state: State, user_name: str) -> User:
    """The user on whose behalf something is done by hand. Raises Problem."""
    user = user_named(state, user_name)
    if user is None:
        raise denied()
    return user
