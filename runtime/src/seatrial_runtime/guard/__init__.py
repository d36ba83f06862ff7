"""What stands before the app in each worker: ids, limits, timeouts, headers."""
