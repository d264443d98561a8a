"""The live pipeline: two supervised media processes, and a session that steers them and holds neither pixel nor sample.

`session.LiveSession` is the door. Nothing is imported here, so that the audio process, which lives in this package
too, never loads what only the video process needs.
"""
