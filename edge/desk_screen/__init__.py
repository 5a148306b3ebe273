"""The desk's own screen on the edge node: who is at the reader, also while the gateway can't be reached."""
