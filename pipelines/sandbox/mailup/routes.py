"""Every path and verb of the imitated API, who may call it, and the envelope of what it answers.

Belongs here: the table of routes, token, rate limit, headers. Does not: what a handler does (the module of its theme).
"""

import json
from collections.abc import Callable
from typing import Any

from starlette.routing import Mount, Route

from pipelines.sandbox.http import Answer, Api, Call, Gate
from pipelines.sandbox.mailup import (
    auth,
    fields,
    groups,
    import_routes,
    imports,
    lists,
    messages,
    problems,
    recipient_routes,
    sendings,
    statistics,
)
from pipelines.sandbox.mailup.limits import RateLimit
from pipelines.sandbox.mailup.problems import Problem
from pipelines.sandbox.mailup.query import Asked
from pipelines.sandbox.mailup.state import State

Handler = Callable[[State, Asked], Any]

LIST = "/Console/List/{id_list}"
GROUP = "/Console/Group/{id_group}"
LIST_GROUP = f"{LIST}/Group/{{id_group}}"
RECIPIENT = "{id_recipient}"
MESSAGE = f"{LIST}/Email/{{id_message}}"
SENDING = "/Console/Email/Sendings/{id_sending}"
OF_MESSAGE = ("Recipients", "Views", "Clicks", "Bounces", "Unsubscriptions")
OF_RECIPIENT = ("Deliveries", "Views", "Clicks", "Bounces", "Unsubscriptions")
# Stopping a sending: once in 30 seconds (section 3).
SLOW = {("DELETE", SENDING): (1, 30)}

CONSOLE: dict[str, dict[str, Handler]] = {
    "/Console/Authentication/Info": {"GET": lists.get_info},
    "/Console/Authentication/Details": {"GET": lists.get_details},
    "/Console/User/Lists": {"GET": lists.get_user_lists, "POST": lists.post_list},
    "/Console/User/List/{id_list}": {"PUT": lists.put_list},
    "/Console/List": {"GET": lists.get_lists, "POST": lists.post_list},
    LIST: {"GET": lists.get_list, "PUT": lists.put_list},
    f"{LIST}/Groups": {"GET": groups.get_groups},
    f"{LIST}/Group": {"POST": groups.post_group},
    LIST_GROUP: {"PUT": groups.put_group, "DELETE": groups.delete_group},
    f"{LIST_GROUP}/Recipients": {"DELETE": recipient_routes.empty_group},
    f"{LIST}/Recipients": {"POST": imports.post_list_import},
    f"{LIST}/Recipients/Subscribed": {"GET": recipient_routes.get_by_status},
    f"{LIST}/Recipients/Unsubscribed": {"GET": recipient_routes.get_by_status},
    f"{LIST}/Recipients/Pending": {"GET": recipient_routes.get_by_status},
    f"{LIST}/Recipients/EmailOptins": {"GET": recipient_routes.get_optins},
    f"{LIST}/Recipient": {"POST": recipient_routes.post_to_list},
    f"{LIST}/Recipient/{RECIPIENT}": {"DELETE": recipient_routes.delete_from_list},
    f"{LIST}/Recipient/{RECIPIENT}/Groups": {"GET": recipient_routes.get_recipient_groups},
    f"{LIST}/Subscribe/{RECIPIENT}": {"POST": recipient_routes.subscribe_to_list},
    f"{LIST}/Unsubscribe/{RECIPIENT}": {"DELETE": recipient_routes.unsubscribe_from_list},
    f"{GROUP}/Recipients": {"GET": recipient_routes.get_group_recipients, "POST": imports.post_group_import},
    f"{GROUP}/Recipient": {"POST": recipient_routes.post_to_group},
    f"{GROUP}/Subscribe/{RECIPIENT}": {"POST": recipient_routes.subscribe_to_group},
    f"{GROUP}/Unsubscribe/{RECIPIENT}": {"DELETE": recipient_routes.unsubscribe_from_group},
    "/Console/Recipient/DynamicFields": {"GET": fields.get_fields},
    "/Console/Recipient/Detail": {"PUT": recipient_routes.put_detail},
    f"/Console/Recipients/{RECIPIENT}": {"DELETE": recipient_routes.delete_everywhere},
    "/Console/Import/{id_import}": {"GET": import_routes.get_import},
    "/Console/Import/{id_import}/Sending": {"GET": import_routes.get_import_sending},
    "/Console/Imports": {"GET": import_routes.get_imports},
    "/Console/Imports/{id_import}": {"GET": import_routes.get_import_details},
    f"{LIST}/Emails": {"GET": messages.get_messages},
    f"{LIST}/Online/Emails": {"GET": messages.get_online},
    f"{LIST}/Archived/Emails": {"GET": messages.get_archived},
    f"{LIST}/Email": {"POST": messages.post_message},
    MESSAGE: {"GET": messages.get_message, "PUT": messages.put_message, "DELETE": messages.delete_message},
    f"{MESSAGE}/EnableDynamicFields/{{on}}": {"PUT": messages.put_dynamic_fields},
    f"{LIST}/Tags": {"GET": messages.get_tags},
    f"{LIST}/Tag": {"POST": messages.post_tag},
    f"{LIST}/Tag/{{id_tag}}": {"PUT": messages.put_tag, "DELETE": messages.delete_tag},
    f"{MESSAGE}/Send": {"POST": sendings.post_to_list},
    f"{MESSAGE}/SendHistory": {"GET": sendings.get_history},
    f"{GROUP}/Email/{{id_message}}/Send": {"POST": sendings.post_to_group},
    "/Console/Email/Send": {"POST": sendings.post_to_one},
    "/Console/Sms/Send": {"POST": sendings.post_sms},
    **{
        f"/Console/Email/Sendings/{queue}": {"GET": sendings.get_queue}
        for queue in ("Immediate", "Deferred", "Undefined")
    },
    SENDING: {"DELETE": sendings.delete_sending},
    f"{SENDING}/Immediate": {"POST": sendings.post_now},
    f"{SENDING}/Deferred": {"GET": sendings.get_free_slot, "POST": sendings.post_later},
    "/Console/Email/Sending/{id_sending}/Deferred": {"GET": sendings.get_free_slot},
}
STATISTICS: dict[str, dict[str, Handler]] = {
    **{f"/Message/{{id_message}}/Count/{what}": {"GET": statistics.get_message_count} for what in OF_MESSAGE},
    **{f"/Message/{{id_message}}/List/{what}": {"GET": statistics.get_message_list} for what in OF_MESSAGE},
    "/Message/{id_message}/List/UrlClicks": {"GET": statistics.get_url_clicks},
    "/Message/{id_message}/List/UrlClickDetails": {"GET": statistics.get_url_click_details},
    **{f"/Recipient/{RECIPIENT}/Count/{what}": {"GET": statistics.get_recipient_count} for what in OF_RECIPIENT},
    **{f"/Recipient/{RECIPIENT}/List/{what}": {"GET": statistics.get_recipient_list} for what in OF_RECIPIENT},
    f"/Recipient/{RECIPIENT}/List/ClicksDetails": {"GET": statistics.get_clicks_details},
    f"/Recipient/{RECIPIENT}/List/BouncesDetails": {"GET": statistics.get_bounces_details},
}
ROUTES = {**CONSOLE, **STATISTICS}
UNKNOWN = "/{unknown:path}"
SERVICES = "/API/v1.1/Rest"

NO_ENDPOINT = (
    b'<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>Service</title>'
    b'</head><body><div id="content"><p class="heading1">Service</p><p>%s</p></div></body></html>'
)


def mount(api: Api) -> Mount:
    """The imitated host below /mailup: the token endpoint and the two services."""
    login = [Route(path, Gate(api, path)) for path in (auth.TOKEN_ROUTE, auth.LOGIN_ROUTE)]
    services = [
        Mount(f"{SERVICES}/{name}.svc", routes=[*(Route(path, Gate(api, path)) for path in table), _rest(api)])
        for name, table in (("ConsoleService", CONSOLE), ("MailStatisticsService", STATISTICS))
    ]
    return Mount("/mailup", routes=[*login, *services, _rest(api)])


def _rest(api: Api) -> Route:
    return Route(UNKNOWN, Gate(api, UNKNOWN))


def answer(state: State, limit: RateLimit, call: Call) -> Answer:
    """What MailUp would answer to this call, after doing it."""
    asked = Asked.of(call)
    try:
        if call.route == auth.LOGIN_ROUTE:
            return auth.login_page(state, asked) if call.method in ("GET", "POST") else no_endpoint(405)
        if call.route == auth.TOKEN_ROUTE:
            return document_answer(auth.grant(state, asked)) if call.method in ("GET", "POST") else no_endpoint(405)
        return _serve(state, limit, asked)
    except Problem as problem:
        return problem_answer(problem)


def _serve(state: State, limit: RateLimit, asked: Asked) -> Answer:
    handlers = ROUTES.get(asked.route)
    if handlers is None:
        return no_endpoint(404)
    if asked.method not in handlers:
        return no_endpoint(405, ", ".join(handlers))
    token = auth.check_token(state, asked.headers.get("authorization", ""))
    _check_rate(state, limit, token, asked)
    return document_answer(handlers[asked.method](state, asked))


def _check_rate(state: State, limit: RateLimit, token: str, asked: Asked) -> None:
    usual = state.switches.calls_per_second
    most, seconds = SLOW.get((asked.method, asked.route), (usual, 1)) if usual else (0, 1)
    excess = limit.excess(token, asked.method, asked.route, most, seconds)
    if excess:
        raise problems.too_many(most, excess)


def document_answer(document: Any) -> Answer:
    """200 with the document, which has its slashes escaped; None is an empty body (section 3)."""
    if document is None:
        return Answer(200)
    return Answer(200, _json(document), {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "private"})


def problem_answer(problem: Problem) -> Answer:
    """The refusal; never with a Retry-After."""
    return Answer(problem.status, _json(problem.body()), {"Content-Type": "application/json; charset=utf-8"})


def no_endpoint(status: int, allowed: str = "") -> Answer:
    """The HTML page of the service's framework, for a path or a verb that does not exist."""
    text = b"Endpoint not found." if status == 404 else b"Method not allowed."
    headers = {"Content-Type": "text/html; charset=UTF-8"} | ({"Allow": allowed} if allowed else {})
    return Answer(status, NO_ENDPOINT % text, headers)


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/").encode()
