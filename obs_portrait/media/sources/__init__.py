"""Where pictures and sound come from. `base` holds the contracts; one module for each kind of source."""
