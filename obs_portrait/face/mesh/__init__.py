"""The mesh engine: one-shot reenactment on the CPU by warping a portrait over a face mesh."""
