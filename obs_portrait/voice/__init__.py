"""Voices: streaming converters and the metrics that judge them."""
