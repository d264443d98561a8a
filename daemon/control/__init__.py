"""The local control API: what tray, keys, OBS's script, dock and command line talk to. On loopback only, with a token.

Nothing is imported here, so that `obs-portrait switch` needs the standard library alone.
"""
