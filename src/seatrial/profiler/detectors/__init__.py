"""What is read from the source, one concern a module."""
