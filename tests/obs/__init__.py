"""Tests against real OBS: Debian's obs-studio under Xvfb, with its own obs-websocket, its own HOME and display."""
