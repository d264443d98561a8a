"""Work on clips afterwards, with PyAV, without loss where that is possible.

Each module makes one file out of others and returns a `Made`, which says how. All of them write under another name
beside the target and rename it when it is complete, so that an interruption or a full disk leaves nothing half done;
all of them raise `MediaError` with one sentence, and take `progress`, called with 0 to 1.

Pictures and sound keep the times that they have in the source: what was in sync stays in sync.
"""
