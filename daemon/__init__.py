"""The application: what starts, stops, shows and listens. Imports obs_portrait, never the other way."""
