"""Which samples a pass shows, for the built-in loop and for other trainers."""
