"""Voice conversion by signal processing: TD-PSOLA with formant shift, equaliser, gate, limiter."""
