"""Faces: tracking, calibration, engines, and the metrics that judge them."""
