"""Frames and samples in and out: cameras, screens, files, devices. Knows nothing of faces, voices or personas."""
