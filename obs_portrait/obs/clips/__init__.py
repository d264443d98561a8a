"""Clips straight from OBS: saved (`recorder`), kept under good names with what is known about them (`library`), and
worked on afterwards (`edit`)."""
