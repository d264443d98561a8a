"""Where OBS listens. The password is a value that no repr, log line or pickle shows."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_PORT", "Address", "Secret"]

DEFAULT_PORT = 4455
"""obs-websocket 5's own default."""


class Secret:
    """A string that is only shown to who asks for it with `reveal()`."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Only for the call that needs it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    def __repr__(self) -> str:
        return "Secret(…)" if self._text else "Secret()"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type, tuple[()]]:
        raise TypeError("A secret is not pickled.")


@dataclass(frozen=True, slots=True)
class Address:
    """host, port and password of an obs-websocket 5 server; `found_in` says where that was read."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    password: Secret = Secret()  # noqa: RUF009 - immutable
    found_in: str = ""

    @property
    def local(self) -> bool:
        """True if OBS runs on this machine."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
