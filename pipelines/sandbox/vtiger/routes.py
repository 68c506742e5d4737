"""The one endpoint: its operations, their methods, sessions, the envelope.

Belongs here: the table of operations. Does not: what an operation does (the module of its theme).

Left out, so that they die as unknown operations do: query_related, files_retrieve, add_related, wsapp_*, and of
mobile.* all but the views. `sync` dies on 8.4.0 whatever it is asked.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Protocol

from starlette.routing import Mount, Route

from pipelines.sandbox.http import Answer, Api, Call, Gate
from pipelines.sandbox.vtiger import catalogue, conversion, query, records, relations, sessions, views
from pipelines.sandbox.vtiger.asked import Asked
from pipelines.sandbox.vtiger.model import User
from pipelines.sandbox.vtiger.problems import Fatal, Problem, denied
from pipelines.sandbox.vtiger.state import State

ENDPOINT = "/webservice.php"
UNKNOWN = "/{unknown:path}"
PAGE = (
    '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>{status} {phrase}</title>\n</head>'
    "<body>\n<h1>{phrase}</h1>\n</body></html>\n"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """What an operation does, and the method that is part of it."""

    method: str
    run: Callable[[State, User, Asked], Any]


@dataclass(frozen=True, slots=True)
class Opening:
    """The same for what needs no session."""

    method: str
    run: Callable[[State, Asked], Any]


def _create(state: State, user: User, asked: Asked) -> Any:
    module = catalogue.module_named(asked.text("elementType"))
    return records.create(state, user, module, asked.element())


def _related(state: State, user: User, asked: Asked) -> Any:
    return relations.related(state, user, asked.text("id"), asked.text("relatedLabel"), asked.text("relatedType"))


def _die(state: State, user: User, asked: Asked) -> Any:
    raise Fatal


OPENINGS = {
    "getchallenge": Opening("GET", lambda state, asked: sessions.challenge(state, asked.text("username"))),
    "login": Opening(
        "POST", lambda state, asked: sessions.login(state, asked.text("username"), asked.text("accessKey"))
    ),
}
OPERATIONS = {
    "listtypes": Operation("GET", lambda state, _, asked: catalogue.list_types(state, asked.text("fieldTypeList"))),
    "describe": Operation("GET", lambda state, _, asked: catalogue.describe(state, asked.text("elementType"))),
    "retrieve": Operation("GET", lambda state, user, asked: records.retrieve(state, user, asked.text("id"))),
    "query": Operation("GET", lambda state, user, asked: query.run(state, user, asked.text("query"))),
    "relatedtypes": Operation("GET", lambda _, __, asked: relations.related_types(asked.text("elementType"))),
    "retrieve_related": Operation("GET", _related),
    "sync": Operation("GET", _die),
    "logout": Operation("POST", lambda state, _, asked: sessions.logout(state, asked.session)),
    "create": Operation("POST", _create),
    "update": Operation("POST", lambda state, user, asked: records.change(state, user, asked.element(), partial=False)),
    "revise": Operation("POST", lambda state, user, asked: records.change(state, user, asked.element(), partial=True)),
    "delete": Operation("POST", lambda state, user, asked: records.delete(state, user, asked.text("id"))),
    "convertlead": Operation("POST", lambda state, user, asked: conversion.convert(state, user, asked.element())),
    "mobile.fetchmodulefilters": Operation("POST", lambda state, _, asked: views.filters(state, asked.text("module"))),
    "mobile.listmodulerecords": Operation(
        "POST", lambda state, user, asked: views.page(state, user, asked.element("elements"))
    ),
    "mobile.filterdetailswithcount": Operation("POST", _die),
}


class CountingApi(Api, Protocol):
    """A simulator that also counts operations."""

    operations: Counter[str]


class OperationGate(Gate):
    """The gate of webservice.php, for which the operation is the route: faults name it as their path."""

    def __init__(self, api: CountingApi) -> None:
        super().__init__(api, ENDPOINT)
        self._operations = api.operations

    async def _serve(self, call: Call) -> Answer | None:
        operation = Asked.of(call).operation
        self._operations[operation] += 1
        return await super()._serve(replace(call, route=operation))


def mount(api: CountingApi) -> Mount:
    """The imitated host below /vtiger. Open source has no /restapi: that is a 404 as every other path."""
    return Mount("/vtiger", routes=[Route(ENDPOINT, OperationGate(api)), Route(UNKNOWN, Gate(api, UNKNOWN))])


def answer(state: State, call: Call) -> Answer:
    """What Vtiger would answer to this call, after doing it."""
    if call.route == UNKNOWN:
        return broken_answer(404)
    try:
        return document_answer({"success": True, "result": _perform(state, Asked.of(call))})
    except Problem as problem:
        return document_answer(problem.body())
    except Fatal:
        return fatal_answer()


def _perform(state: State, asked: Asked) -> Any:
    opening = OPENINGS.get(asked.operation)
    operation = opening or OPERATIONS.get(asked.operation)
    if operation is None:
        raise Fatal
    if asked.method != operation.method:
        raise denied(f" for {asked.operation}")
    if opening:
        return opening.run(state, asked)
    user = sessions.check(state, asked.session)
    return OPERATIONS[asked.operation].run(state, user, asked)


def document_answer(document: Any) -> Answer:
    """200 with the envelope, whether it went well or not."""
    return Answer(200, json.dumps(document, ensure_ascii=False).encode(), {"Content-Type": "application/json"})


def fatal_answer() -> Answer:
    """500 without a body."""
    return Answer(500, b"", {"Content-Type": "text/html; charset=UTF-8"})


def broken_answer(status: int) -> Answer:
    """The page of the web server or proxy in front; PHP's own 500 has no body."""
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return fatal_answer()
    page = PAGE.format(status=status, phrase=HTTPStatus(status).phrase)
    return Answer(status, page.encode(), {"Content-Type": "text/html; charset=iso-8859-1"})
