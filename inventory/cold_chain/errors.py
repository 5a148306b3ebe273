"""What the cold chain refuses, and why."""

from inventory.errors import InventoryError


class ColdChainError(InventoryError):
    """A rule, a reading or a file that can't be judged; the message says which, what is wrong and what is expected."""


class FileProblemsError(ColdChainError):
    """A file with rows that can't be read: all of them are told, and nothing of the file is taken."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """`problems` has one sentence for each row, in the file's order."""
        super().__init__("; ".join(problems))
        self.problems = problems
