"""The way in: made safe, freed from rumble, kept at 48 kHz for the grains and at 12 kHz for the pitch tracker."""

from __future__ import annotations

from obs_portrait.voice.dsp.jit import compiled
from obs_portrait.voice.dsp.layout import BLOCK, RING, RING_LOW, DspState
from obs_portrait.voice.dsp.tables import Tables

__all__ = ["take_in"]

HOLD_BLOCKS = 150
"""The gate stays open for 150 ms after the last loud block: the gaps inside a word, and the converter's delay."""


@compiled
def take_in(state: DspState, tables: Tables) -> None:
    """Moves the BLOCK samples in `state.pending` into the rings and follows the level for the gate."""
    s = state.scalars[0]
    ring, low, taps = state.ring, state.low, tables.taps
    b0, b1, b2, a1, a2 = (
        tables.high_pass[0],
        tables.high_pass[1],
        tables.high_pass[2],
        tables.high_pass[3],
        tables.high_pass[4],
    )
    x1, x2, y1, y2 = s.hp_x1, s.hp_x2, s.hp_y1, s.hp_y2
    power = 0.0
    now = s.now
    for i in range(BLOCK):
        x = state.pending[i]
        y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
        x2, x1, y2, y1 = x1, x, y1, y
        at = (now + i) & (RING - 1)
        ring[at] = y
        ring[at + RING] = y
        power += y * y
    if abs(y1) + abs(y2) < 1e-30:  # no denormal numbers in silence: they cost a hundred times the time
        y1 = y2 = 0.0
    s.hp_x1, s.hp_x2, s.hp_y1, s.hp_y2 = x1, x2, y1, y2
    s.now = now + BLOCK

    # Every 4th sample; the filter's middle lies 16 samples back.
    for i in range(3, BLOCK, 4):
        end = ((now + i) & (RING - 1)) + RING + 1
        total = 0.0
        for k in range(taps.size):
            total += taps[k] * ring[end - taps.size + k]
        at = ((now + i) >> 2) & (RING_LOW - 1)
        low[at] = total
        low[at + RING_LOW] = total

    s.level += (power / BLOCK - s.level) * 0.15  # about 6 ms
    if s.level < 1e-30:
        s.level = 0.0
    if s.level > tables.gate:
        s.gate_open = HOLD_BLOCKS
    elif s.level < 0.35 * tables.gate and s.gate_open > 0:  # 4.5 dB of hysteresis
        s.gate_open -= 1
