"""What has to answer before the app is ready: databases, caches, brokers, other services."""
