"""What a request asks for: the parameters of its path and its body, read within limits and checked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request

from daemon.control.operation import LARGEST_BODY

__all__ = ["RefusalError", "check", "place", "read"]

_BODY_S: Final = 5.0
_UPLOAD_S: Final = 20.0
_HEARD_OUT: Final = 4
"""So many times the limit are read, and thrown away, before the connection is cut."""
_MIB: Final = 1024 * 1024


class RefusalError(Exception):
    """Answered with this status and sentence. sign_in: a page that signs in anew may ask again."""

    def __init__(self, status: int, sentence: str, *, sign_in: bool = False) -> None:
        self.status, self.sentence, self.sign_in = status, sentence, sign_in


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def place(request: Request, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    """The path's parameters, checked. Raises `RefusalError` (404)."""
    try:
        return tuple(_adapter(shape).validate_python(request.path_params[name]) for name, shape in parameters.items())
    except ValidationError as error:
        raise RefusalError(404, "There is nothing at this address; /v1/openapi.json lists what there is.") from error


async def read(request: Request, largest: int = LARGEST_BODY) -> bytes:
    """The body. Raises `RefusalError` if it is not JSON, larger than so many bytes, or too slow."""
    patience = _BODY_S if largest <= LARGEST_BODY else _UPLOAD_S
    content, size = bytearray(), 0
    try:
        async with asyncio.timeout(patience):
            async for part in request.stream():
                size += len(part)
                if size <= largest:
                    content += part
                elif size > _HEARD_OUT * largest:
                    break
                else:  # whoever is cut off while they speak does not hear the answer
                    content.clear()
    except TimeoutError as error:
        raise RefusalError(408, f"The body did not come within {patience:g} s.") from error
    except ClientDisconnect as error:
        raise RefusalError(400, "The body is not whole.") from error
    if size > largest:
        limit = f"{largest // 1024} KiB" if largest < _MIB else f"{largest / _MIB:.1f} MiB"
        raise RefusalError(413, f"The body is larger than {limit}.")
    if content:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise RefusalError(415, "The body must be JSON, with 'Content-Type: application/json'.")
    return bytes(content)


def check(content: bytes, model: type[BaseModel]) -> BaseModel:
    """The checked body; an empty one is an object without entries. Raises `RefusalError` (422)."""
    try:
        return model.model_validate_json(content or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(f"'{name}'" for name in model.model_fields)
        needs = f" It may have {known}." if known else " It has no entries."
        raise RefusalError(
            422, f"The body is wrong{f' at {where!r}' if where else ''}: {first['msg']}.{needs}"
        ) from error
