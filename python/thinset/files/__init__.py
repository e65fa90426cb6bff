"""Reading and writing files so that nothing is lost."""
