"""Self-supervision: what two views of one picture owe to each other."""
