"""A site whose answer to a mark makes one more query after the commit, as a careless field would."""
