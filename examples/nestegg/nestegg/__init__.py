"""How long will the money last? A retirement spending simulator."""
