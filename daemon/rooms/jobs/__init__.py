"""What the errands child can do. These modules may load anything; the daemon never imports them."""
