"""Other people's libraries: one module for each, which alone imports that library."""
