"""The features: one folder each; see docs/plugins.md."""
