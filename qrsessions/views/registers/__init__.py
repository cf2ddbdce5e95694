"""The pages about a whole term of a section: its register, its rule and its students."""
