"""The verbs of elections, by subject."""
