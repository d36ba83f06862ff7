class Production:
    SQLALCHEMY_DATABASE_URI = "sqlite:////data/shop.db"
