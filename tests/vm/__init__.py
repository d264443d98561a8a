"""Tests on real V4L2 devices: Debian's kernel with v4l2loopback and vivid, booted by QEMU in software emulation."""
