"""The link to OBS: client, scene -> persona, sources, latency, clips, and the script that runs inside OBS.

Only the daemon process imports this package; the two media processes know nothing of OBS but the stream it plays.
"""
