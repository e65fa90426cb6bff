"""Search for an architecture by a controller whose children share weights."""
