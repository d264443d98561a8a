"""Personas: the profile that describes one, where profiles live, consent and disclosure."""
