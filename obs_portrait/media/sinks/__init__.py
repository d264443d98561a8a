"""Where the persona goes. Sinks accept `PersonaFrame` and `PersonaBlock` only, and know nothing of engines."""
