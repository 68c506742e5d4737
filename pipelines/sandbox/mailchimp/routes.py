"""Every path and verb of the imitated API, who may call it, and the envelope of what it answers.

Belongs here: the table of routes, authentication, headers. Does not: what a handler does (the module of its theme).
"""

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Mapping

from starlette.routing import Mount, Route, compile_path

from pipelines.sandbox.http import Answer, Api, Call, Gate
from pipelines.sandbox.mailchimp import (
    audiences,
    batch,
    batch_results,
    batches,
    campaigns,
    fields,
    groups,
    languages,
    member_routes,
    problems,
    report_details,
    reports,
    segments,
)
from pipelines.sandbox.mailchimp.links import DEFINITIONS, definition_of
from pipelines.sandbox.mailchimp.model import Json
from pipelines.sandbox.mailchimp.problems import Problem
from pipelines.sandbox.mailchimp.query import Asked, trimmed
from pipelines.sandbox.mailchimp.state import State

Handler = Callable[[State, Asked], Json | None]

LIST = "/lists/{list_id}"
MEMBER = f"{LIST}/members/{{subscriber_hash}}"
SEGMENT = f"{LIST}/segments/{{segment_id}}"
FIELD = f"{LIST}/merge-fields/{{merge_id}}"
CATEGORY = f"{LIST}/interest-categories/{{interest_category_id}}"
INTEREST = f"{CATEGORY}/interests/{{interest_id}}"
CAMPAIGN = "/campaigns/{campaign_id}"
REPORT = "/reports/{campaign_id}"
BATCH = "/batches/{batch_id}"

ROUTES: dict[str, dict[str, Handler]] = {
    "/": {"GET": audiences.get_account},
    "/ping": {"GET": audiences.get_ping},
    "/lists": {"GET": audiences.get_audiences, "POST": audiences.post_audience},
    LIST: {
        "GET": audiences.get_audience,
        "POST": batch.post_members,
        "PATCH": audiences.patch_audience,
        "DELETE": audiences.delete_audience,
    },
    f"{LIST}/members": {"GET": member_routes.get_members, "POST": member_routes.post_member},
    MEMBER: {
        "GET": member_routes.get_member,
        "PUT": member_routes.put_member,
        "PATCH": member_routes.patch_member,
        "DELETE": member_routes.delete_member,
    },
    f"{MEMBER}/actions/delete-permanent": {"POST": member_routes.delete_member_permanently},
    f"{MEMBER}/tags": {"GET": segments.get_member_tags, "POST": segments.post_member_tags},
    f"{LIST}/tag-search": {"GET": segments.search_tags},
    f"{LIST}/segments": {"GET": segments.get_segments, "POST": segments.post_segment},
    SEGMENT: {
        "GET": segments.get_segment,
        "POST": segments.post_segment_members,
        "DELETE": segments.delete_segment,
    },
    f"{SEGMENT}/members": {"GET": segments.get_segment_members},
    f"{LIST}/merge-fields": {"GET": fields.get_fields, "POST": fields.post_field},
    FIELD: {"GET": fields.get_field, "PATCH": fields.patch_field, "DELETE": fields.delete_field},
    f"{LIST}/interest-categories": {"GET": groups.get_categories, "POST": groups.post_category},
    CATEGORY: {"GET": groups.get_category, "PATCH": groups.patch_category, "DELETE": groups.delete_category},
    f"{CATEGORY}/interests": {"GET": groups.get_interests, "POST": groups.post_interest},
    INTEREST: {"GET": groups.get_interest, "PATCH": groups.patch_interest, "DELETE": groups.delete_interest},
    "/campaign-folders": {"GET": campaigns.get_folders, "POST": campaigns.post_folder},
    "/campaigns": {"GET": campaigns.get_campaigns, "POST": campaigns.post_campaign},
    CAMPAIGN: {"GET": campaigns.get_campaign, "DELETE": campaigns.delete_campaign},
    f"{CAMPAIGN}/content": {"GET": campaigns.get_content, "PUT": campaigns.put_content},
    f"{CAMPAIGN}/actions/send": {"POST": campaigns.post_send},
    "/reports": {"GET": reports.get_reports},
    REPORT: {"GET": reports.get_report},
    f"{REPORT}/email-activity": {"GET": report_details.get_email_activity},
    f"{REPORT}/sent-to": {"GET": report_details.get_sent_to},
    f"{REPORT}/open-details": {"GET": report_details.get_open_details},
    f"{REPORT}/click-details": {"GET": report_details.get_click_details},
    f"{REPORT}/click-details/{{link_id}}/members": {"GET": report_details.get_click_members},
    f"{REPORT}/unsubscribed": {"GET": report_details.get_unsubscribed},
    f"{REPORT}/domain-performance": {"GET": report_details.get_domain_performance},
    f"{REPORT}/abuse-reports": {"GET": report_details.get_abuse_reports},
    "/batches": {"GET": batches.get_batches, "POST": batches.post_batch},
    BATCH: {"GET": batches.get_batch, "DELETE": batches.delete_batch},
}
UNKNOWN = "/{unknown:path}"
PATTERNS = tuple((route, compile_path(route)[0]) for route in ROUTES)


def mount(api: Api) -> Mount:
    """The imitated API below /mailchimp, and beside it the results of batches, which have no /3.0 and need no key."""
    paths = [Route(path, Gate(api, path)) for path in ROUTES]
    version = [Route("/3.0", Gate(api, "/")), Mount("/3.0", routes=[*paths, Route(UNKNOWN, Gate(api, UNKNOWN))])]
    results = Route(batch_results.ROUTE, Gate(api, batch_results.ROUTE))
    return Mount("/mailchimp", routes=[*version, results, Route(UNKNOWN, Gate(api, UNKNOWN))])


def found_at(path: str) -> tuple[str, dict[str, str]]:
    """The route that a path below /3.0 leads to, and what fills it."""
    for route, pattern in PATTERNS:
        match = pattern.match(path)
        if match:
            return route, match.groupdict()
    return UNKNOWN, {}


def answer(state: State, call: Call) -> Answer:
    """What Mailchimp would answer to this call, after doing it."""
    if call.route == batch_results.ROUTE:
        return batch_results.answer(state, call)
    try:
        check_key(state, call)
    except Problem as problem:
        return problem_answer(languages.told(problem, state.switches))
    return perform(state, call)


def perform(state: State, call: Call) -> Answer:
    """The same for a call whose key was checked, as for every operation of a batch."""
    try:
        document = _handler(call)(state, Asked(call.params, call.query, call.body, call.caller_ip))
        return document_answer(call, None if document is None else trimmed(document, call.query), document)
    except Problem as problem:
        return problem_answer(languages.told(problem, state.switches))


def check_key(state: State, call: Call) -> None:
    """Basic with any user, Bearer, or the old `apikey KEY`; a differing ?apikey= of a GET is refused too."""
    scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
    key = _basic_password(credentials) if scheme.lower() == "basic" else credentials.strip()
    if not key or call.headers.get("x-trigger-error") == "APIKeyMissing":
        raise problems.key_missing()
    in_query = call.query.get("apikey", key) if call.method == "GET" else key
    if scheme.lower() not in ("basic", "bearer", "apikey") or key != in_query or key not in state.account.api_keys:
        raise problems.key_invalid()


def _basic_password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _handler(call: Call) -> Handler:
    method = call.method
    override = call.headers.get("x-http-method-override")
    if override:
        if method != "POST":
            detail = "X-HTTP-Method-Override may only be used with the POST method."
            raise Problem(422, "HTTPMethodOverrideError", detail)
        method = override.upper()
    handlers = ROUTES.get(call.route)
    if handlers is None:
        raise problems.not_found()
    if method not in handlers:
        raise problems.wrong_verb(tuple(handlers))
    return handlers[method]


def document_answer(call: Call, document: Json | None, whole: Json | None) -> Answer:
    """200 with the document, or 204; `whole` is the document before it was trimmed."""
    headers = _headers("application/json; charset=utf-8", definition_of(call.route), str(uuid.uuid4()))
    if document is None:
        return Answer(204, b"", {**headers, "Content-Type": "application/json"})
    if "subscriber_hash" in call.params and whole and "web_id" in whole:
        dashboard = f"https://us1.admin.mailchimp.com/lists/members/view?id={whole['web_id']}"
        headers["Link"] += f', <{dashboard}>; rel="dashboard"'
    return _sized(200, document, headers)


def problem_answer(problem: Problem) -> Answer:
    """The refusal as problem+json; never with a Retry-After."""
    request_id = str(uuid.uuid4())
    definition = f"{DEFINITIONS}/ProblemDetailDocument.json"
    headers = _headers("application/problem+json; charset=utf-8", definition, request_id)
    if problem.allow:
        headers["Allow"] = problem.allow
    return _sized(problem.status, problem.body(request_id), headers)


def _headers(content_type: str, definition: str, request_id: str) -> dict[str, str]:
    return {
        "Server": "openresty",
        "Content-Type": content_type,
        "X-Request-Id": request_id,
        "Link": f'<{definition}>; rel="describedBy"',
    }


def _sized(status: int, document: Json, headers: Mapping[str, str]) -> Answer:
    body = json.dumps(document).encode()
    return Answer(status, body, {**headers, **({"Vary": "Accept-Encoding"} if len(body) > 1024 else {})})
