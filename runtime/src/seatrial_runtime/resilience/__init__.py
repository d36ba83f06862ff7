"""What an app may use by itself, in any process: cache, circuit breaker, retry, time-outs."""
