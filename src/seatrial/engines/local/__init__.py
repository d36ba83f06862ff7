"""The local engine: replicas behind a proxy on this machine, kept up by one engine process."""
