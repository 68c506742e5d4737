"""Who may call: the token endpoint, the login page of the code flow, and the bearer token of every other call.

Belongs here: section 2 of the contract. Does not: the rate limit (limits.py).
"""

import base64
import binascii
import html
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from pipelines.sandbox.http import Answer
from pipelines.sandbox.mailup import problems
from pipelines.sandbox.mailup.model import Json, Token
from pipelines.sandbox.mailup.problems import Problem, TokenProblem
from pipelines.sandbox.mailup.query import Asked
from pipelines.sandbox.mailup.state import State

TOKEN_ROUTE = "/Authorization/OAuth/Token"  # noqa: S105
LOGIN_ROUTE = "/Authorization/OAuth/LogOn"
KEPT_TOKENS = 200
CODE = "code:"

LOGIN_PAGE = """<!DOCTYPE html><html><head><title>MailUp</title></head><body><form method="post">
<p>{message}</p><input name="Username"><input name="Password" type="password"><button>Login</button>
</form></body></html>"""


def grant(state: State, asked: Asked) -> Json:
    """POST or GET Token: by password, refresh token or code; the parameters as a form or in the query."""
    sent = _sent(asked)
    _check_application(state, asked, sent)
    kind = sent.get("grant_type", "")
    if asked.method == "GET" and kind != "authorization_code":
        raise _refusal(state, "invalid_request", "Tokens are asked for with POST; only a code is exchanged with GET.")
    if kind == "password":
        if (sent.get("username"), sent.get("password")) != (state.account.username, state.account.password):
            raise _refusal(state, "invalid_grant", "Invalid username or password.")
        return _pair(new_token(state))
    if kind == "refresh_token":
        return _pair(_refreshed(state, sent.get("refresh_token", "")))
    if kind == "authorization_code":
        return _pair(_exchanged(state, sent.get("code", "")))
    raise _refusal(state, "unsupported_grant_type", "'grant_type' is missing or not supported.")


def _sent(asked: Asked) -> dict[str, str]:
    form = dict(parse_qsl(asked.raw.decode("utf-8", "replace"), keep_blank_values=True))
    return {**asked.query, **{name.lower(): value for name, value in form.items()}}


def _check_application(state: State, asked: Asked, sent: Mapping[str, str]) -> None:
    """In the parameters or as Basic; the exchange of a code comes without (section 2)."""
    basic = _basic(asked.headers.get("authorization", ""))
    found = (sent.get("client_id", basic[0]), sent.get("client_secret", basic[1]))
    needed = sent.get("grant_type") != "authorization_code" or any(found)
    if needed and found != (state.account.client_id, state.account.client_secret):
        raise _refusal(state, "invalid_client", "The client id or the client secret is not valid.")


def _basic(header: str) -> tuple[str, str]:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(credentials).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def _refusal(state: State, error: str, description: str) -> Problem:
    if state.switches.oauth_refusals:
        return TokenProblem(error, description)
    return problems.bad_request(description)


def _pair(token: Token) -> Json:
    return {"access_token": token.access, "expires_in": token.seconds, "refresh_token": token.refresh}


def new_token(state: State) -> Token:
    """A new pair; tokens that expired long ago are forgotten when there are many."""
    seconds = state.switches.token_seconds
    token = Token(state.secret("access"), state.secret("refresh"), state.now().timestamp() + seconds, seconds)
    state.tokens.put(token)
    for old in list(state.tokens)[:-KEPT_TOKENS]:
        state.tokens.remove(old)
    return token


def _refreshed(state: State, refresh: str) -> Token:
    """A new pair for a refresh token, which rotates: the old one is worth nothing afterwards."""
    for token in state.tokens:
        if refresh and token.refresh == refresh and not token.revoked:
            if state.switches.rotation_kills_old:
                token.refresh = ""
            if state.switches.refresh_revokes_access:
                token.expires_at = 0
            state.tokens.put(token)
            return new_token(state)
    raise _refusal(state, "invalid_grant", "The refresh token is not valid.")


def _exchanged(state: State, code: str) -> Token:
    """A pair for a code, which works once."""
    found = state.tokens.get(CODE + code)
    if not code or found is None:
        raise _refusal(state, "invalid_grant", "The code is not valid.")
    state.tokens.remove(found)
    return new_token(state)


def check_token(state: State, authorization: str) -> str:
    """The bearer token; 400 for none or a wrong one, 401 for one that has expired or was revoked (section 2)."""
    scheme, _, access = authorization.partition(" ")
    token = state.tokens.get(access.strip()) if scheme.lower() == "bearer" else None
    if token is None or token.access.startswith(CODE):
        raise problems.bad_token()
    if token.revoked:
        raise Problem(401, problems.REVOKED)
    if token.expires_at <= state.now().timestamp():
        raise Problem(401, problems.EXPIRED)
    if not state.switches.terms_signed:
        raise Problem(403, problems.TERMS)
    return token.access


def login_page(state: State, asked: Asked) -> Answer:
    """GET LogOn shows a form; posting it with the right password leads back to redirect_uri with a code."""
    query = asked.query
    if query.get("client_id") != state.account.client_id or query.get("response_type") != "code":
        raise problems.bad_request("'client_id' or 'response_type' is not valid.")
    form = dict(parse_qsl(asked.raw.decode("utf-8", "replace")))
    right = (form.get("Username"), form.get("Password")) == (state.account.username, state.account.password)
    if asked.method == "POST" and right:
        code = state.secret("code")
        state.tokens.put(Token(CODE + code, "", state.now().timestamp(), 0))
        back = query.get("redirect_uri", "")
        return Answer(302, b"", {"Location": f"{back}{'&' if '?' in back else '?'}{urlencode({'code': code})}"})
    message = "Wrong username or password." if asked.method == "POST" else ""
    page = LOGIN_PAGE.format(message=html.escape(message)).encode()
    return Answer(200, page, {"Content-Type": "text/html; charset=utf-8"})
