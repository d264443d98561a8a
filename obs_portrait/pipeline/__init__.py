"""The loops from source to sink: guard, clock, A/V sync, statistics. The only part that knows engines and sinks."""
