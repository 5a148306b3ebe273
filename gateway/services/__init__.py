"""What the gateway does with what it knows: one service a module."""
