"""The verbs of voting, by the hands that do them."""
