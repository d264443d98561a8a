"""One module for each command of `obs-portrait`; each has `register(app)`."""
