"""What ends an agent."""


class AgentError(Exception):
    """The agent can't start, or must end for its service manager to start it afresh. The message names the mend."""
