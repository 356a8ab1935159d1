"""How plugins are found, judged and brought up. Only ``core.host`` imports from here."""
