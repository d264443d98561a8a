"""Opens the page in the user's browser, with its one-time code shown to nobody else.

A command line can be read by every user of a computer, so the link does not go there: the browser is given a small file
that only this user can read, and that leads on to the page.
"""

from __future__ import annotations

import html
import os
import tempfile
import webbrowser
from pathlib import Path

from daemon.control.token import control_file
from obs_portrait.folders import take_place

__all__ = ["open_page"]

_LEADER = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}">
<title>OBS Portrait</title>
<p><a href="{url}">OBS Portrait</a></p>
</html>
"""


def open_page(link: str, folder: Path | None = None) -> bool:
    """Whether a browser took the link (`ControlServer.sign_in_link`). folder: for the file, control.json's if left out.

    Raises OSError if the file cannot be written.
    """
    folder = folder if folder is not None else control_file().parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "open.html"
    descriptor, name = tempfile.mkstemp(prefix=".open", dir=folder)  # 0600 from the first byte on
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_LEADER.format(url=html.escape(link, quote=True)))
    take_place(Path(name), path)
    return webbrowser.open(path.as_uri())
