"""The parent process: sockets, probes, the life of the server processes."""
