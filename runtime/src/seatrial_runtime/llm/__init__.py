"""Language models: one question, several models in order, until one answers."""
