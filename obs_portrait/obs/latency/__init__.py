"""Latency measured end to end: stamps go in with picture and sound, and are read back from OBS."""
