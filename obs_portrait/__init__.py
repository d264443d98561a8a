"""OBS Portrait: become somebody else, live, face and voice together, inside OBS."""

__version__ = "0.1.0"
