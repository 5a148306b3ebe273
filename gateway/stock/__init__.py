"""The warehouse: the books in the database, what belongs to them, and the acts that write them."""
