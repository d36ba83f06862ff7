"""What a server process runs: one worker each."""
