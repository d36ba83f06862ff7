"""What a design would cost and whether it would hold."""
