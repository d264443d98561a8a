"""What is told, as JSON text that can be sent whatever is in it."""

from __future__ import annotations

import json
import re
from typing import Any, Final

__all__ = ["as_json"]

_HALF: Final = re.compile("[\ud800-\udfff]")


def as_json(told: Any) -> str:
    """JSON in which a file's name need not be UTF-8: Python keeps such bytes as halves of letters, which nobody can be
    sent; they are told as �. Raises ValueError where a number is none."""
    return _HALF.sub("\ufffd", json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
