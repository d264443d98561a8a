"""The OpenAPI 3.1 schema, made from the table of operations."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from daemon.control.operation import Media, Operation
from daemon.control.operations import OPERATIONS
from obs_portrait import __version__

__all__ = ["ERRORS", "schema"]

ERRORS = {
    400: "Not a request of this API.",
    401: "The token is missing or wrong.",
    403: "Not from this computer's own programs: a foreign Host or Origin; or not allowed now.",
    404: "There is nothing at this address, or no longer.",
    405: "Not with this method.",
    408: "The body did not come in time.",
    409: "The daemon refuses, and says why.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The body has not the entries that are needed.",
    429: "Too many requests.",
    500: "The daemon failed at this.",
    503: "The daemon does not answer in time, or is busy.",
}
"""Status -> what it means. Every error is {"error": "one sentence"}."""
_RANGE = {
    "name": "Range",
    "in": "header",
    "required": False,
    "description": "One part of the file, as RFC 9110 has it; several parts, or what is no range, are the whole.",
    "schema": {"type": "string"},
    "examples": {
        "from here on": {"value": "bytes=1024-"},
        "from here to there": {"value": "bytes=0-1023"},
        "the last": {"value": "bytes=-1024"},
    },
}
_REF = "#/components/schemas/{model}"


def _of(shape: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the shape's schema, the definitions that it refers to)."""
    made = TypeAdapter(shape).json_schema(ref_template=_REF)
    return made, made.pop("$defs", {})


def _answers(row: Operation, shapes: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(row.answer, Media):
        answer, defined = _of(row.answer)
        name = answer.get("title", row.answer.__name__)
        shapes.update({**defined, name: answer})
        content = {"application/json": {"schema": {"$ref": _REF.format(model=name)}}}
        return {"200": {"description": "As asked.", "content": content}}
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in row.answer.kinds}
    answers: dict[str, Any] = {"200": {"description": "As asked.", "content": content}}
    if row.answer.may_lack:
        answers["204"] = {"description": "There is none now."}
    if row.answer.ranges:
        answers["206"] = {"description": "The part that the header Range asked for.", "content": content}
        answers["416"] = _refusal("There is no such part.")
    return answers


def _refusal(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}}}


def _operation(row: Operation, shapes: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": row.id,
        "summary": row.summary,
        "responses": {
            **_answers(row, shapes),
            **{str(status): _refusal(text) for status, text in ERRORS.items()},
        },
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _of(shape)[0]}
        for name, shape in row.parameters.items()
    ]
    if isinstance(row.answer, Media) and row.answer.ranges:
        parameters.append(_RANGE)
    if parameters:
        described["parameters"] = parameters
    if row.body is not None:
        body, defined = _of(row.body)
        shapes.update(defined)
        described["requestBody"] = {"required": "required" in body, "content": {"application/json": {"schema": body}}}
    return described


def _session_paths(shapes: dict[str, Any]) -> dict[str, Any]:
    """Where pages sign in and out (`site`): not in the table, because cookies are set there and no stage is asked."""
    text = {"type": "string"}
    shapes["Code"] = _object(code=text, seconds={"type": "number", "description": "For so long it can be used."})
    shapes["Entered"] = _object(
        key={**text, "description": "Sent as the header X-Page-Key, together with the cookie that comes with this."},
        first={"type": "boolean", "description": "Nobody was signed in before."},
    )
    shapes["Left"] = _object(ok={"type": "boolean"})
    code = _object(code={**text, "pattern": "^[A-Za-z0-9 -]{1,64}$"})

    def told(name: str, summary: str, answer: str, refusals: tuple[int, ...]) -> dict[str, Any]:
        content = {"application/json": {"schema": {"$ref": _REF.format(model=answer)}}}
        return {
            "operationId": name,
            "summary": summary,
            "responses": {
                "200": {"description": "As asked.", "content": content},
                **{str(status): _refusal(ERRORS[status]) for status in (400, *refusals, 405, 429)},
            },
        }

    enter = told("enter-session", "Exchange a one-time code for a page's cookie and key.", "Entered", (403, 422))
    body = {"required": True, "content": {"application/json": {"schema": code}}}
    return {
        "/v1/session/code": {"post": told("new-session-code", "A one-time code for a page.", "Code", (401, 403))},
        "/v1/session": {
            "post": {**enter, "security": [], "requestBody": body},
            "delete": told("leave-session", "Sign this page out; with the token, all pages.", "Left", (401, 403)),
        },
    }


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


@cache
def schema() -> dict[str, Any]:
    """The whole document; do not change it."""
    shapes: dict[str, Any] = {
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {"type": "string", "description": "One sentence: what is wrong, and what to do."},
                "sign_in": {"type": "boolean", "description": "True: a page that signs in anew may ask again."},
            },
        }
    }
    paths: dict[str, Any] = {}
    for row in OPERATIONS:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, shapes)
    paths |= _session_paths(shapes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OBS Portrait",
            "version": __version__,
            "description": "The local control API of the running daemon. Address and token are in control.json; "
            "changes of the status are pushed over the WebSocket /v1/events.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": shapes, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }
