"""`python -m daemon.tray`: the backend that shows icons here, a tab, and what there is or why there is nothing."""

from __future__ import annotations

import sys

from daemon.tray.availability import look

found = look()
sys.stdout.write(f"{found.backend or ''}\t{found.sentence}\n")
